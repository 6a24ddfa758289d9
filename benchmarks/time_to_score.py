"""How soon a net has learned, beside plain PyTorch: ``python -m benchmarks.time_to_score``, a table.

Plain PyTorch is ``benchmarks/plain.py`` without dropout, at the best of ten settings; this project is ``train.fit``
at the size of `quick`. One thread, seeds by turns; processor time of the training alone.
"""

import math
from itertools import product
from statistics import median

from benchmarks import measure, plain
from benchmarks.measure import LearningCurve, learning_curve, seconds_as_text
from benchmarks.recipe import SHAPE, STEPS_PER_SCORE, config_of_recipe
from sudoku_sweep import data

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
    config = measure.config_of(batch_size, SHAPE, learning_rate=rate, seed=seed)
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
        rows["ratio"].append(f"{measure.ratio(seconds, OURS, PLAIN):.1f}" if reached else "-")
    return list(rows.values())


def main(settings=SETTINGS, seeds=SEEDS, steps=400, patience=PATIENCE):
    """Choose plain PyTorch's setting, train both at every seed, and print the table."""
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    setting = best_setting(settings, boards, validation, patience)
    print("The best setting of plain PyTorch: rate {:g}, batches of {}.\n".format(*setting))
    # What PyTorch sets up once is not part of anybody's time.
    learning_curve(config_of_recipe(SEED_OF_CHOICE, STEPS_PER_SCORE), boards, validation)
    curves = {OURS: [], PLAIN: []}
    for seed in seeds:
        curves[OURS].append(learning_curve(config_of_recipe(seed, steps), boards, validation))
        curve = plain_curve(setting, seed, boards, validation, LEVELS[-1], patience)
        curves[PLAIN].append(curve)
    header = ["", *(f"s to {100 * level:.0f} %" for level in LEVELS)]
    print(measure.table(header, rows_of(curves)))


if __name__ == "__main__":
    main()
