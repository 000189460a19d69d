"""Assistants to begin from: each is one file and one setting, `ASSISTANT=examples.echo:build`."""
