"""SMS over a provider's HTTP interface."""
