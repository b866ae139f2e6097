"""No models; Django tells ``post_migrate`` only to apps that have this module."""
