"""`worker.py`, whose transactions are counted; until SIGTERM."""

import runpy
from pathlib import Path

from benchmarks.floor.counts import count_transactions
from benchmarks.transactions import trace_transactions

WORKER = Path(__file__).parents[2] / "worker.py"

if __name__ == "__main__":
    count_transactions()
    trace_transactions()
    runpy.run_path(str(WORKER), run_name="__main__")
