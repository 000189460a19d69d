"""Speed of streamed tokens: our runtime and its peers with one application in one run.

    python -m tools.bench.streaming [--quick]

`subjects` starts the runtimes, `runtime_api` and `exchange` read their responses, `runs` measures in rounds,
`footprint` measures memory and idle processor time, `plots` draws, and `section` writes the report's section.
"""
