"""Mutated requests against the whole backend in one process: `make fuzz`."""
