"""What the processes forked by `tests/harness/forked.py` have in memory when they start."""

import gc
from importlib import import_module
from pathlib import Path

from temporalio.worker._worker import load_default_build_id

from connectors.policy_files import load_policies

COMMANDS = (
    *("auditing", "certifying", "closing", "export", "listing", "looking", "operating", "platform"),
    *("planning", "proving"),
)

for name in (
    *("starter", "worker", "tests.faults.stricken_worker", "connectors.embedded.loading", "bootstrap"),
    "local.fast_forward_command",
    *(f"commandline.{each}" for each in COMMANDS),
):
    import_module(name)
# Every worker would make anew what these leave in memory, such as calendars.
load_policies(Path(__file__).resolve().parents[2] / "policies")
load_default_build_id()
# A collection that looked at all this would copy it into each process.
gc.collect()
gc.freeze()
