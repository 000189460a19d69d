"""Operation of a deployed stack: deployment, publication, logs, and the doctor's checks."""
