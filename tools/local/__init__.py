"""The whole stack on one machine: AWS, the model, the functions, the site, the demo and a terminal chat."""
