"""The adopter's folder `app/`: its description, its build steps, and `make new`, which creates it."""
