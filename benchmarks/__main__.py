"""All benchmarks, one after the other, into the tables of ``benchmarks/README.md``: ``python -m benchmarks``.

Needs a quiet Linux machine for half an hour. ``python -m benchmarks.growth`` prints one table and writes none.
"""

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from sudoku_sweep.sweeps import commit

README = Path(__file__).with_name("README.md")


def replaced(text, name, lines):
    """A text where other lines stand between ``<!-- name -->`` and ``<!-- end -->``."""
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    assert mark and end, f"no place for {name} in the text"
    return f"{before}{mark}{lines.strip()}\n{end}{after}"


def main():
    """Run every module that the README names; when and where comes last, when all tables are new."""
    version = commit()
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in re.findall(r"<!-- benchmarks\.(\w+) -->", README.read_text()):
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        print(f"\n{name}\n\n{done.stdout}", flush=True)
        README.write_text(replaced(README.read_text(), f"benchmarks.{name}", done.stdout))
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]
    where = f"{model} ({os.cpu_count()} cores), torch {torch.__version__}"
    line = f"Commit {version}, {datetime.date.today()}, {where}."
    README.write_text(replaced(README.read_text(), "machine", line))


if __name__ == "__main__":
    main()
