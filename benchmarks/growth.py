"""How time and memory grow with the size of things: ``python -m benchmarks.growth`` prints a table."""

from statistics import median

import numpy as np

from benchmarks import measure
from benchmarks.measure import by_turns, config_of, peak_megabytes, table
from sudoku_sweep import data

STEPS = 8
BASE = dict(n_boards=20_000, batch=64, width=47, loops=2)
SIZES = {
    "n_boards": [5_000, 10_000, 20_000],
    "batch": [32, 64, 128, 256],
    "width": [37, 47, 67, 107],
    "loops": [1, 2, 4, 8],
}


def train(n_boards, batch, width, loops):
    """Train a few steps; ``width`` is embedding_dim + 27."""
    config = config_of(batch, (width - 27, 27, 3), n_loops=loops, steps_per_epoch=STEPS)
    measure.fit(config, data.load_split("train").first(n_boards))


def exponent(sizes, values):
    """The slope in a plot with two logarithmic axes: 1 where double the size costs double."""
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def main():
    """Print sizes, milliseconds, megabytes and exponents: one size changes, the others are those of ``BASE``."""
    rows, warm_up = [], f"train(**{BASE | dict(batch=8)})"
    for what, sizes in SIZES.items():
        points = {size: BASE | {what: size} for size in sizes}
        times = by_turns({size: lambda p=point: train(**p) for size, point in points.items()})
        ms = [1e3 * median(some) / STEPS for some in times.values()]
        megabytes = [
            peak_megabytes("growth", f"train(**{point})", warm_up) for point in points.values()
        ]
        row = [what, ", ".join(f"{size:,}" for size in sizes)]
        for values in (ms, megabytes):
            row += [", ".join(f"{value:.0f}" for value in values), f"{exponent(sizes, values):.2f}"]
        rows.append(row)
    print(table(["size of", "sizes", "ms/step", "exponent", "MB", "exponent"], rows))


if __name__ == "__main__":
    main()
