"""Deletes what deleted and expired threads and files leave behind; see `janitor.duties`."""
