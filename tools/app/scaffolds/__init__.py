"""Files that `make new` copies into `app/`; `Sample` becomes the assistant's name."""
