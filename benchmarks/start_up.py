"""What it costs a host to import foretaste and make a platform: CPU seconds and the heavy modules that came along.

Run by hand: ``python benchmarks/start_up.py``. The peer is ``import polars, scipy.sparse, pydantic``, which any table
library with validated settings pays for.
"""

import json
import subprocess
import sys
from statistics import median
from typing import TypedDict

HEAVY = ("torch", "implicit", "lightfm", "sklearn", "pandas", "matplotlib")
STATEMENTS = {
    "peer": "import polars, scipy.sparse, pydantic",
    "foretaste": "import foretaste; foretaste.Platform()",
}
PROBE = """
import json, resource, sys
{statement}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"cpu": used.ru_utime + used.ru_stime, "heavy": [m for m in {heavy} if m in sys.modules]}}))
"""
ROUNDS = 7


class Figures(TypedDict):
    """What one process measured."""

    cpu: float
    heavy: list[str]


def measure(statement: str) -> Figures:
    code = PROBE.format(statement=statement, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def main() -> None:
    found = {name: [measure(statement) for _ in range(ROUNDS)] for name, statement in STATEMENTS.items()}
    for name, rounds in found.items():
        seconds = [one["cpu"] for one in rounds]
        print(f"{name}: CPU s min {min(seconds):.2f}, median {median(seconds):.2f}; heavy: {rounds[0]['heavy']}")


if __name__ == "__main__":
    main()
