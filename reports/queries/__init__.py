"""What the pages read. Each function says how many queries it costs; views decide what to show."""
