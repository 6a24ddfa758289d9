"""How time and memory grow with the size of things: ``python -m benchmarks.growth`` prints a table. Linux only."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import measure
from benchmarks.measure import by_turns, config_of, table
from sudoku_sweep import data

STEPS = 8
BASE = dict(n_boards=20_000, batch=64, width=47, loops=2)
SIZES = {
    "n_boards": [5_000, 10_000, 20_000],
    "batch": [32, 64, 128, 256],
    "width": [37, 47, 67, 107],
    "loops": [1, 2, 4, 8],
}


@cache
def boards():
    """The training boards, read once per process."""
    return data.load_split("train")


def train(n_boards, batch, width, loops):
    """Train a few steps; ``width`` is embedding_dim + 27."""
    config = config_of(batch, (width - 27, 27, 3), n_loops=loops, steps_per_epoch=STEPS)
    measure.fit(config, boards().first(n_boards))


def peak_megabytes(function):
    """By how many megabytes this process grows at most while a function runs."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _kilobytes("VmRSS")
    function()
    return (_kilobytes("VmHWM") - before) / 1024


def _kilobytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", status)[1])


def megabytes_of(point):
    """What ``train`` needs, in a process of its own, less what PyTorch sets up once."""
    code = (
        "from benchmarks.growth import *; train(**BASE | {'batch': 8}); "
        f"print(peak_megabytes(lambda: train(**{point})))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def exponent(sizes, values):
    """The slope in a plot with two logarithmic axes: 1 where double the size costs double."""
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def main():
    """Print sizes, milliseconds, megabytes and exponents: one size changes, the others are those of ``BASE``."""
    rows = []
    train(**BASE)  # warms up
    for what, sizes in SIZES.items():
        points = {size: BASE | {what: size} for size in sizes}
        times = by_turns({size: lambda p=point: train(**p) for size, point in points.items()})
        ms = [1e3 * median(some) / STEPS for some in times.values()]
        row = [what, ", ".join(f"{size:,}" for size in sizes)]
        for values in (ms, list(map(megabytes_of, points.values()))):
            row += [", ".join(f"{value:.0f}" for value in values), f"{exponent(sizes, values):.2f}"]
        rows.append(row)
    print(table(["size of", "sizes", "ms/step", "exponent", "MB", "exponent"], rows))


if __name__ == "__main__":
    main()
