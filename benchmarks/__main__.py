"""All benchmarks, one after the other, into the tables of ``benchmarks/README.md``: ``python -m benchmarks``.

Needs a quiet machine for half an hour. ``python -m benchmarks.growth`` prints one table and writes none.
"""

import datetime
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import torch

from sudoku_sweep.sweeps import commit

README = Path(__file__).with_name("README.md")
MODULES = (
    "presets",
    "speed",
    "time_to_score",
    "recipe",
    "step",
    "sweeps",
    "agents",
    "bayes",
    "growth",
)


def replaced(text, name, table):
    """A text whose lines between ``<!-- name -->`` and ``<!-- end -->`` are others."""
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    assert mark and end, f"no place for {name} in the text"
    return f"{before}{mark}{table.strip()}\n{end}{after}"


def processor():
    """What the CPU calls itself; on Linux by its model."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return model[1] if model else platform.processor()


def main():
    """Run every module in a process of its own; the line on when and where comes last, when all tables are new."""
    version, start = commit(), time.perf_counter()
    for name in MODULES:
        print(f"\n{name}\n", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread
        )
        print(done.stdout, flush=True)
        README.write_text(replaced(README.read_text(), name, done.stdout))
    minutes = (time.perf_counter() - start) / 60
    line = (
        f"Commit {version}, {datetime.date.today()}, {processor()}, {os.cpu_count()} cores, "
        f"torch {torch.__version__}; {minutes:.0f} minutes in all."
    )
    README.write_text(replaced(README.read_text(), "machine", line))


if __name__ == "__main__":
    main()
