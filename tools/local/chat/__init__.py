"""A ChatKit client for the terminal: `make chat`."""
