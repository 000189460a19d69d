"""Deletes the remains of deleted and expired threads and files; see `janitor.duties`."""
