"""What 1 000 turns cost on AWS: units counted in real turns, times list prices.

    python -m tools.bench.cost

`prices` are the prices, `bill` the arithmetic, `counting` runs the function against the local AWS and counts.
"""
