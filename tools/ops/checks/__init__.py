"""The doctor's checks, by the part of the stack that they examine."""
