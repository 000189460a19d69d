"""How fast is a streamed token? Our runtime beside its peers, with one application, in one run.

    python -m tools.bench.streaming [--quick]

`subjects` starts what is compared, `runtime_api` and `exchange` read what it sends, `runs` measures in rounds,
`footprint` looks at memory and idle processor time, `plots` draws.
"""
