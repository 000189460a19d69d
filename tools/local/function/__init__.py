"""Lambda functions as local processes, and their event sources."""
