"""Pages of the enterprise file's own matters."""
