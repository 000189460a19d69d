"""Deploying, publishing, and looking after a running stack: `make deploy`, `make doctor` and their like."""
