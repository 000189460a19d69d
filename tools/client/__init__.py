"""A user of the stack: sign-in and the ChatKit protocol."""
