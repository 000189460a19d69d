"""What the coach shows beside its words, from templates that ChatKit Studio reads and writes."""
