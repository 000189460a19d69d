"""Programs around the shipped code: the local stack, deployment, benchmarks, soak, fuzz and mutants. Never shipped."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The repository's root."""
