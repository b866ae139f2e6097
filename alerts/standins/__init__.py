"""Providers to try and test against: an SMS provider and a mail server on the loopback."""
