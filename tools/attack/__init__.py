"""One hostile user against twenty ordinary ones on the local stack: `make attack`."""
