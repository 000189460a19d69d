"""Spendo, a personal finance coach: the sample assistant."""
