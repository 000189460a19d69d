"""Load and fault runs of the local stack, checked by an oracle: `make soak`."""
