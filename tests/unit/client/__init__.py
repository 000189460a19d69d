"""Unit tests of the terminal's client."""
