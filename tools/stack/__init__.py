"""The deployed stack: its template, settings, build artifacts, deployment and frontend."""
