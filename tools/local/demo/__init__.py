"""The conversation of `make demo`."""
