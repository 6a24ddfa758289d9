"""How time and memory grow with the size of things: ``python -m benchmarks.growth`` prints a table, draws a figure."""

import itertools
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.measure import by_turns, config_of, nothing_to_solve, peak_megabytes, table
from benchmarks.training import boards
from sudoku_sweep import train

FIGURE = Path(__file__).parent / "growth.png"
STEPS = 8
BASE = dict(n_boards=20_000, batch=64, width=47, passes=2)
SIZES = {
    "n_boards": [5_000, 10_000, 20_000],
    "batch": [32, 64, 128, 256],
    "width": [37, 47, 67, 107],
    "passes": [1, 2, 4, 8],
}


def steps_of(n_boards, batch, width, passes):
    """Train a few steps; ``width`` is embedding_dim + 27."""
    some = boards().first(n_boards)
    config = config_of(batch, passes, (width - 27, 27, 3), STEPS)
    train.fit(config, some, nothing_to_solve(some), device="cpu")


def measure(what):
    """Seconds per step and peak megabytes at every size of one thing."""
    points = {size: BASE | {what: size} for size in SIZES[what]}
    seconds = by_turns({size: lambda p=point: steps_of(**p) for size, point in points.items()})
    warm_up = f"steps_of(**{BASE | dict(batch=8)!r})"
    megabytes = [
        peak_megabytes("growth", f"steps_of(**{point!r})", warm_up) for point in points.values()
    ]
    return [median(times) / STEPS for times in seconds.values()], megabytes


def exponent(sizes, values):
    """The slope in a plot with two logarithmic axes: 1 where double the size costs double."""
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def main():
    """Print sizes, milliseconds, megabytes and exponents; write the figure."""
    boards()
    plt.style.use("tableau-colorblind10")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    rows, markers = [], itertools.cycle("osD^")
    for what, sizes in SIZES.items():
        seconds, megabytes = measure(what)
        marker, relative = next(markers), np.array(sizes) / sizes[0]
        left.plot(relative, np.array(seconds) / seconds[0], marker=marker, label=what)
        right.plot(relative, np.array(megabytes) / megabytes[0], marker=marker, label=what)
        rows.append(
            [
                *(what, ", ".join(f"{size:,}" for size in sizes)),
                ", ".join(f"{1e3 * second:.0f}" for second in seconds),
                f"{exponent(sizes, seconds):.2f}",
                ", ".join(f"{size:.0f}" for size in megabytes),
                f"{exponent(sizes, megabytes):.2f}",
            ]
        )
    for axes, name in ((left, "time per step"), (right, "peak memory")):
        axes.plot([1, 8], [1, 8], color="0.6", linestyle="--", label="in proportion")
        axes.set(
            xscale="log", yscale="log", xlabel="size, smallest = 1", ylabel=f"{name}, smallest = 1"
        )
        axes.set(xticks=[1, 2, 4, 8], xticklabels="1248", yticks=[1, 2, 4, 8], yticklabels="1248")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    left.legend()
    figure.tight_layout()
    figure.savefig(FIGURE, dpi=100)
    print(table(["size of", "sizes", "ms/step", "exponent", "MB", "exponent"], rows))


if __name__ == "__main__":
    main()
