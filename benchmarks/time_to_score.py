"""How soon a net has learned, beside plain PyTorch: ``python -m benchmarks.time_to_score``, two tables and a figure.

Plain PyTorch is ``benchmarks/plain.py`` without dropout, at the best of ten settings; this project is the recipe of
``train.fit``. One thread, seeds by turns; processor time of the training alone, so the clock stands still while a net
is scored.
"""

import argparse
import math
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import torch

from benchmarks import plain, recipe
from benchmarks.measure import config_of, learning_curve, ratio, seconds_to, table
from sudoku_sweep import data

FIGURE = Path(__file__).parent / "time_to_score.png"
LEVELS = (0.3, 0.5, 0.7)  # of the blank cells right
# what plain PyTorch may choose from
RATES, BATCH_SIZES = (1e-3, 2.5e-3, 5e-3, 1e-2, 2e-2), (64, 16)
# Neither contender was chosen by these.
SEEDS, SEED_OF_CHOICE = (4, 5, 6), 1
# processor seconds after which plain PyTorch is stopped
PATIENCE = 150
OURS, PLAIN = "this project", "plain PyTorch"


def learn_plainly(rate, batch_size, seed, boards):
    """Train the plain net without end; yields it as often as ``recipe.learn`` yields ours."""
    config = config_of(batch_size, 2, recipe.SHAPE, None, learning_rate=rate, seed=seed)
    every = recipe.SCORE_EVERY
    for net, _ in islice(plain.steps(config, boards, dropout=0.0), every - 1, None, every):
        yield net


def seconds_to_half(rates, patience, boards, validation):
    """What plain PyTorch takes to 50 %: {(rate, batch size): seconds}, the fastest first."""
    found = {}
    for setting in product(rates, BATCH_SIZES):
        nets = learn_plainly(*setting, SEED_OF_CHOICE, boards)
        found[setting] = seconds_to(0.5, learning_curve(nets, validation, 0.5, patience))
    return dict(sorted(found.items(), key=lambda item: item[1]))


def in_words(seconds):
    """Seconds as text; a dash for a level that was not reached."""
    return f"{seconds:.1f}" if seconds < math.inf else "-"


def rows_of(curves):
    """The comparison as rows of a table, from {name: [learning curve]}: one per contender, and the ratio."""
    rows = {name: [name] for name in (*curves, "ratio")}
    for level in LEVELS:
        seconds = {
            name: [seconds_to(level, points) for points in runs] for name, runs in curves.items()
        }
        for name, some in seconds.items():
            middle, least, most = map(in_words, (median(some), min(some), max(some)))
            rows[name].append(f"{middle} ({least} to {most})" if middle != "-" else "-")
        # A contender that did not get there has no ratio.
        reached = all(median(some) < math.inf for some in seconds.values())
        rows["ratio"].append(f"{ratio(seconds, OURS, PLAIN):.1f}" if reached else "-")
    return list(rows.values())


def draw(curves, path):
    """The learning curves over processor seconds, a colour per contender."""
    plt.style.use("tableau-colorblind10")
    figure, axes = plt.subplots(figsize=(7, 4))
    for number, (name, runs) in enumerate(curves.items()):
        for points in runs:
            axes.plot(*zip(*points, strict=True), color=f"C{number}", linewidth=1)
        # above the end of the highest line
        end = max((points[-1] for points in runs), key=lambda point: point[1])
        place = dict(xytext=(0, 6), textcoords="offset points", ha="right")
        axes.annotate(name, end, color=f"C{number}", **place)
    axes.set(xscale="log", xlabel="processor seconds", ylabel="blank cells right", ylim=(0, 1))
    axes.set_yticks([0, *LEVELS, 1])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main(arguments=None):
    """Choose plain PyTorch's setting, train both at every seed, print two tables and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few steps, one rate, one seed")
    parser.add_argument("--figure", default=FIGURE, help="where to write it")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    rates, seeds, winner, patience = RATES, SEEDS, recipe.WINNER, PATIENCE
    if options.quick:
        rates, seeds, winner, patience = RATES[:1], SEEDS[:1], replace(winner, steps=2), 0
        validation = validation.first(8)
    found = seconds_to_half(rates, patience, boards, validation)
    rows = [[f"{rate:g}", size, in_words(seconds)] for (rate, size), seconds in found.items()]
    print(table(["rate", "batch", "s to 50 %"], rows), flush=True)
    # What PyTorch sets up once is not part of anybody's time.
    learning_curve(recipe.learn(replace(winner, steps=2), SEED_OF_CHOICE, boards), validation)
    curves, setting = {OURS: [], PLAIN: []}, next(iter(found))
    for seed in seeds:
        nets = recipe.learn(winner, seed, boards)
        curves[OURS].append(learning_curve(nets, validation))
        nets = learn_plainly(*setting, seed, boards)
        curves[PLAIN].append(learning_curve(nets, validation, patience=patience))
    draw(curves, options.figure)
    print(f"\n{table(['', *(f's to {100 * level:.0f} %' for level in LEVELS)], rows_of(curves))}")


if __name__ == "__main__":
    main()
