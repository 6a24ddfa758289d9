"""What the presets cost on one core, predicted from the time of a step: ``python -m benchmarks.presets``."""

import math
from functools import cache
from statistics import median

from benchmarks.measure import by_turns, fit
from sudoku_sweep import data, local, sweeps, train
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.recipe.loops import loops_at

SCORED = 256  # boards on which a trained net is timed
# one that solves the boards; a net that is stuck gives up sooner, and costs less
TRAINED = data.DATA_DIR / "grid_best.pt"


def seconds_per_run(config, n_boards, step_seconds, board_seconds):
    """The steps of a run and its validations; ``step_seconds(n_loops)`` is one step's, ``board_seconds`` one board's."""
    epochs = range(1, config.epochs + 1)
    one_step_each = sum(step_seconds(loops_at(epoch, config)) for epoch in epochs)
    n_validations = math.ceil(config.epochs / config.validate_every)
    validation = n_validations * (config.validation_boards or 2_000) * board_seconds
    return train.steps_per_epoch(config, n_boards) * one_step_each + validation


def in_words(seconds):
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"


def main():
    """Print a row per preset: its median run, the fastest and the slowest, and all of them, one after the other."""
    boards = data.load_split("train")
    model, _ = load_checkpoint(TRAINED)
    validation = data.load_split("validation").first(SCORED)
    scoring = by_turns({"": lambda: train.evaluate(model, validation)}, repeats=3)[""]

    @cache
    def step_seconds(batch_size, embedding_dim, attention_dim, n_heads, n_loops):
        steps = max(2, 160 // batch_size)
        sizes = dict(embedding_dim=embedding_dim, attention_dim=attention_dim, n_heads=n_heads)
        budget = dict(batch_size=batch_size, epochs=1, steps_per_epoch=steps)
        config = train.Config(n_loops=n_loops, **sizes, **budget)
        return median(by_turns({"": lambda: fit(config, boards)}, repeats=3)[""]) / steps

    print(
        "| preset | the sweep | one run: median (fastest to slowest) | all runs |\n|---|---|---|---|"
    )
    for preset in sweeps.PRESETS.values():
        runs = []
        for values in local.configurations(preset.sweep_config):
            c = train.Config(**values)
            sizes = (c.batch_size, c.embedding_dim, c.attention_dim, c.n_heads)
            per_step = lambda n_loops, sizes=sizes: step_seconds(*sizes, n_loops)  # noqa: E731
            per_board = median(scoring) / SCORED
            runs.append(seconds_per_run(c, len(boards.quizzes), per_step, per_board))
        middle, least, most, total = map(in_words, (median(runs), min(runs), max(runs), sum(runs)))
        print(
            f"| `{preset.name}` | {preset.description} | {middle} ({least} to {most}) | {total} |"
        )


if __name__ == "__main__":
    main()
