"""How soon a net has learned, beside plain PyTorch: ``python -m benchmarks.time_to_score``, a table and a figure.

Plain PyTorch is ``benchmarks/plain.py`` without dropout, at the best of ten settings; this project is ``train.fit``
at the size of `quick`. One thread, seeds by turns; processor time of the training alone.
"""

import argparse
import math
from itertools import product
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt

from benchmarks import plain
from benchmarks.measure import (
    LearningCurve,
    config_of,
    learning_curve,
    ratio,
    seconds_as_text,
    table,
)
from benchmarks.recipe import SHAPE, STEPS_PER_SCORE, config_of_recipe
from sudoku_sweep import data

FIGURE = Path(__file__).with_name("time_to_score.png")
LEVELS = (0.3, 0.5, 0.7)  # of the blank cells right
# what plain PyTorch may choose from, the likely ones first
SETTINGS = list(product((1e-2, 2e-2, 5e-3, 2.5e-3, 1e-3), (16, 64)))  # rate, batch size
# Neither contender was chosen by these.
SEEDS, SEED_OF_CHOICE = (4, 5, 6), 1
PATIENCE = 150  # processor seconds after which plain PyTorch is stopped
OURS, PLAIN = "this project", "plain PyTorch"


def plain_curve(setting, seed, boards, validation, level, patience):
    """The ``LearningCurve`` of the plain net, until it has reached a level or its time is over."""
    rate, batch_size = setting
    config = config_of(batch_size, SHAPE, learning_rate=rate, seed=seed)
    curve = LearningCurve(validation)
    for step, (net, _) in enumerate(plain.steps(config, boards, dropout=0.0), start=1):
        if step % STEPS_PER_SCORE == 0:
            curve.score(net)
            seconds, right = curve.points[-1]
            if right >= level or seconds >= patience:
                return curve


def best_setting(settings, boards, validation, patience):
    """The setting with which plain PyTorch is the first to have half of the cells right, at one seed."""
    best = settings[0]
    for setting in settings:
        curve = plain_curve(setting, SEED_OF_CHOICE, boards, validation, 0.5, patience)
        seconds = curve.seconds_to(0.5)
        if seconds < patience:  # who takes longer than the best so far need not end
            best, patience = setting, seconds
    return best


def rows_of(curves):
    """The comparison as rows of a table, from {name: [LearningCurve]}: one per contender, and the ratio."""
    rows = {name: [name] for name in (*curves, "ratio")}
    for level in LEVELS:
        seconds = {name: [one.seconds_to(level) for one in some] for name, some in curves.items()}
        for name, some in seconds.items():
            middle, least, most = map(seconds_as_text, (median(some), min(some), max(some)))
            rows[name].append(f"{middle} ({least} to {most})" if middle != "-" else "-")
        # A contender that did not get there has no ratio.
        reached = all(median(some) < math.inf for some in seconds.values())
        rows["ratio"].append(f"{ratio(seconds, OURS, PLAIN):.1f}" if reached else "-")
    return list(rows.values())


def draw(curves, path):
    """The learning curves over processor seconds, a colour per contender."""
    plt.style.use("tableau-colorblind10")
    figure, axes = plt.subplots(figsize=(7, 4))
    for number, (name, some) in enumerate(curves.items()):
        for curve in some:
            label = name if curve is some[0] else None
            axes.plot(*zip(*curve.points, strict=True), f"C{number}", linewidth=1, label=label)
    axes.set(xscale="log", xlabel="processor seconds", ylabel="blank cells right", ylim=(0, 1))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main(arguments=None):
    """Choose plain PyTorch's setting, train both at every seed, print the table and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few steps, one setting, one seed")
    parser.add_argument("--figure", default=FIGURE, help="where to write it")
    options = parser.parse_args(arguments)
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    settings, seeds, steps, patience = SETTINGS, SEEDS, 400, PATIENCE
    if options.quick:
        settings, seeds, steps, patience = SETTINGS[:1], SEEDS[:1], STEPS_PER_SCORE, 0
        validation = validation.first(8)
    setting = best_setting(settings, boards, validation, patience)
    print("The best setting of plain PyTorch: rate {:g}, batches of {}.\n".format(*setting))
    # What PyTorch sets up once is not part of anybody's time.
    learning_curve(config_of_recipe(SEED_OF_CHOICE, STEPS_PER_SCORE), boards, validation)
    curves = {OURS: [], PLAIN: []}
    for seed in seeds:
        curves[OURS].append(learning_curve(config_of_recipe(seed, steps), boards, validation))
        curve = plain_curve(setting, seed, boards, validation, LEVELS[-1], patience)
        curves[PLAIN].append(curve)
    draw(curves, options.figure)
    print(table(["", *(f"s to {100 * level:.0f} %" for level in LEVELS)], rows_of(curves)))


if __name__ == "__main__":
    main()
