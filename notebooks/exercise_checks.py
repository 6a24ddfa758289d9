"""Checks for ``exercises.ipynb``: ``check_1(answer)`` and so on print "right", or what is off."""

import contextlib
import functools
import os
import tempfile
from unittest import mock

from sudoku_sweep import local
from sudoku_sweep.local import Run, SweepError
from sudoku_sweep.local.hyperband import Hyperband

GRID = {  # of exercise 1
    "method": "grid",
    "parameters": {
        "learning_rate": {"values": [1e-3, 2e-3, 4e-3, 8e-3]},
        "attention_dim": {"min": 6, "max": 8},
        "n_heads": {"values": [1, 2, 3]},
        "epochs": {"value": 10},
    },
}
RULES = {"type": "hyperband", "min_iter": 2, "eta": 2}  # of exercise 4
SCORES = {  # of exercise 6: configuration -> score per seed
    "a": (0.71, 0.66, 0.69),
    "b": (0.74, 0.58, 0.63),
    "c": (0.60, 0.61, 0.59),
    "d": (0.55, 0.52, 0.57),
}


def says(check):
    """A check that returns what is off, or None, as a function that prints it."""

    @functools.wraps(check)
    def printed(answer):
        try:
            off = "put an answer in the place of None" if answer is None else check(answer)
        except Exception as error:  # of the reader's own code, whatever it may be
            off = f"it ended with {type(error).__name__}: {error}"
        print("right" if off is None else f"not yet: {off}")

    return printed


@says
def check_1(n):
    """How many runs the grid ``GRID`` has, and how many of them can be trained: a pair."""
    if not isinstance(n, tuple) or len(n) != 2:
        return "give a pair: all runs, and those that can be trained"
    points = local.grid(GRID)
    fine = sum(point["attention_dim"] % point["n_heads"] == 0 for point in points)
    if n[0] != len(points):
        return f"not {n[0]} runs: a grid multiplies; {{min, max}} of whole numbers counts both ends"
    if n[1] != fine:
        return f"not {n[1]} that can be trained: n_heads has to divide attention_dim"
    return None


@says
def check_2(config):
    """A random sweep of 8 runs: learning rate from 1e-4 to 1e-2, even by ratio; 1 or 3 heads; lowest ``val_loss``."""
    try:
        local.n_runs(config)
    except SweepError as error:
        return str(error)
    rate = config["parameters"].get("learning_rate", {})
    heads = config["parameters"].get("n_heads", {})
    metric = config.get("metric", {})
    expected = (
        (config["method"] == "random", "the method is random"),
        (config.get("run_cap") == 8, "run_cap ends it after 8 runs"),
        (metric.get("name") == "val_loss", "the metric is val_loss"),
        (metric.get("goal", "minimize") == "minimize", "a loss is to be minimized"),
        (rate.get("distribution") == "log_uniform_values", "even by ratio is log_uniform_values"),
        ((rate.get("min"), rate.get("max")) == (1e-4, 1e-2), "the rate goes from 1e-4 to 1e-2"),
        (sorted(heads.get("values", [])) == [1, 3], "n_heads has the values 1 and 3"),
    )
    return next((what for holds, what in expected if not holds), None)


def _run(name, state, **summary):
    return Run(0, name, name, state, {}, summary)


@says
def check_3(choose):
    """A function from runs to the one with the highest ``val_accuracy``: ``choose(runs)``."""
    good = _run("good", "finished", val_accuracy=0.5)
    better = _run("better", "finished", val_accuracy=0.6)
    failed = _run("failed", "failed", val_accuracy=0.9)
    nan = _run("nan", "finished", val_accuracy="NaN")
    silent = _run("silent", "finished")
    cases = (
        ([good, better], better, "the highest of two"),
        ([better, failed], better, "a failed run does not count"),
        ([good, nan], good, 'W&B reports not-a-number as the text "NaN"'),
        ([silent, good], good, "a run may have logged nothing"),
    )
    return next((what for runs, best, what in cases if choose(runs) is not best), None)


@says
def check_4(counts):
    """After how many loggings hyperband with ``RULES`` looks at a run that logs its metric 20 times: a list."""
    if list(counts) == Hyperband(**RULES).bands(20):
        return None
    return "it looks after min_iter loggings, then after eta times as many, and so on, up to 20"


@says
def check_5(train):
    """A function that trains nothing, but logs ``score`` = ``x`` squared in a run of its own, as an agent expects."""
    config = {
        "method": "grid",
        "metric": {"name": "score", "goal": "maximize"},
        "parameters": {"x": {"values": [1, 2, 3]}},
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, WANDB_DIR=folder),
        contextlib.redirect_stdout(None),
    ):
        sweep_id = local.sweep(config)
        local.agent(sweep_id, function=train)
        runs = local.runs(sweep_id)
    if [run.state for run in runs] != ["finished"] * 3:
        return f"a run failed: {next(run.error for run in runs if run.error)}"
    if [run.summary.get("score") for run in runs] != [1, 4, 9]:
        return "score has to be x squared, with x from run.config"
    return None


@says
def check_6(names):
    """The configurations of ``SCORES`` that three seeds cannot tell from the one with the best mean: a set."""
    means = {name: sum(scores) / len(scores) for name, scores in SCORES.items()}
    best = max(means, key=means.get)
    if best in names:
        return f"leave out {best} itself: it has the best mean"
    rivals = {name for name in SCORES if name != best and max(SCORES[name]) >= min(SCORES[best])}
    if set(names) != rivals:
        return "compare each one's highest score with the lowest of the best configuration"
    return None
