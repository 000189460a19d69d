"""Cost of 1 000 turns on AWS: units counted in real turns, times list prices.

    python -m tools.bench.cost

`counting` runs the function against the local AWS and counts, `bill` contains prices and arithmetic.
"""
