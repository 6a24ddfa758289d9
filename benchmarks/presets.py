"""What the presets cost on one core, predicted from the time of a step: ``python -m benchmarks.presets``."""

import math
from functools import cache
from statistics import median

from benchmarks.measure import by_turns, fit, table
from sudoku_sweep import data, local, sweeps, train
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.recipe.loops import loops_at

BOARDS, VALIDATION = data.load_split("train"), data.load_split("validation")


@cache
def step_seconds(config):
    """What a step of a config takes."""
    return median(by_turns({"": lambda: fit(config, BOARDS)}, 3)[""]) / config.steps_per_epoch


@cache
def board_seconds():
    """What the validation of a board takes, with a net that solves it; one that is stuck gives up sooner."""
    model, _ = load_checkpoint(data.DATA_DIR / "grid_best.pt")
    some = VALIDATION.first(256)
    return median(by_turns({"": lambda: train.evaluate(model, some)}, 3)[""]) / 256


def seconds_per_run(config):
    """What a run will take: its steps, and its validations."""
    few_steps = dict(epochs=1, steps_per_epoch=max(2, 160 // config.batch_size), learning_rate=1e-3)
    seconds = 0
    for epoch in range(1, config.epochs + 1):
        few_steps["n_loops"] = loops_at(epoch, config)
        per_step = step_seconds(config.model_copy(update=few_steps))
        seconds += per_step * data.steps_per_epoch(config, len(BOARDS.quizzes))
    n_validations = math.ceil(config.epochs / config.validate_every)
    n_boards = config.validation_boards or len(VALIDATION.quizzes)
    return seconds + n_validations * n_boards * board_seconds()


def in_words(seconds):
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


def main():
    """Print a row per preset: its median run, the fastest and the slowest, and all of them, one after the other."""
    rows = []
    for preset in sweeps.PRESETS.values():
        configurations = local.configurations(preset.sweep_config)
        runs = [seconds_per_run(train.Config(**values)) for values in configurations]
        middle, least, most = map(in_words, (median(runs), min(runs), max(runs)))
        one_run = f"{middle} ({least} to {most})"
        rows.append([f"`{preset.name}`", preset.description, one_run, in_words(sum(runs))])
    print(table(["preset", "the sweep", "one run: median (least to most)", "all runs"], rows))


if __name__ == "__main__":
    main()
