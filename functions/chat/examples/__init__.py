"""Example assistants: one file and one setting each, for example `ASSISTANT=examples.echo:build`."""
