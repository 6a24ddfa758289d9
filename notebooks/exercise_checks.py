"""Checks for ``exercises.ipynb``: ``check_1(answer)`` and so on print "right", or what is off."""

import contextlib
import functools
import math
import os
import tempfile
from unittest import mock

import wandb

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
MOST_RUNS, ENOUGH = 12, 0.94  # of exercise 7
LOSSES = {  # of exercise 8: after each epoch; guessing has 2.20
    "a": (2.20, 2.20, 2.19, 2.19, 2.18, 2.17),
    "b": (1.90, 1.30, 2.05, 1.10, 1.95, 1.60),
    "c": (2.10, 1.75, 1.40, 1.10, 0.85, 0.65),
}
REASONS = {"a": "rate too small", "b": "rate too large", "c": "budget too short"}


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
    configs = local.grid(GRID)
    trainable = sum(config["attention_dim"] % config["n_heads"] == 0 for config in configs)
    if n[0] != len(configs):
        return f"not {n[0]} runs: a grid multiplies; {{min, max}} of whole numbers counts both ends"
    if n[1] != trainable:
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
    return next((what for right, what in expected if not right), None)


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


def _runs_of(config, train):
    """The runs of a sweep that is made for a check, and leaves nothing behind; its random draws are always the same."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, WANDB_DIR=folder),
        contextlib.redirect_stdout(None),
    ):
        sweep_id = local.sweep(config, seed=0)
        local.agent(sweep_id, function=train)
        return local.runs(sweep_id)


def _failure(runs):
    """What is off if a run has not finished, else None."""
    return next((f"a run failed: {run.error}" for run in runs if run.state != "finished"), None)


@says
def check_5(train):
    """A function that trains nothing, but logs ``score`` = ``x`` squared in a run of its own, as an agent expects."""
    config = {
        "method": "grid",
        "metric": {"name": "score", "goal": "maximize"},
        "parameters": {"x": {"values": [1, 2, 3]}},
    }
    runs = _runs_of(config, train)
    if failure := _failure(runs):
        return failure
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


def made_up_accuracy(learning_rate, width):
    """Stands in for a training: the best rate is smaller for a wide net than for a narrow one, and 64 wide is best."""
    best_rate = 0.3 / math.sqrt(width)
    off = 0.12 * math.log10(learning_rate / best_rate) ** 2 + 0.1 * math.log10(width / 64) ** 2
    return max(0.1, 0.97 - off)


@says
def check_7(config):
    """The configuration of a sweep of at most ``MOST_RUNS`` runs that finds an ``accuracy`` of ``ENOUGH``; runs it."""

    def train():
        with wandb.init() as run:
            accuracy = made_up_accuracy(run.config.learning_rate, run.config.width)
            run.log({"accuracy": accuracy})

    n_runs = local.n_runs(config)
    if n_runs is None or n_runs > MOST_RUNS:
        return f"at most {MOST_RUNS} runs: give fewer values, or a run_cap"
    runs = _runs_of(config, train)
    if failure := _failure(runs):
        return failure
    best = max(runs, key=lambda run: run.summary["accuracy"])
    accuracy, rate = best.summary["accuracy"], best.config["learning_rate"]
    if accuracy >= ENOUGH:
        return None
    found = f"the best of {len(runs)} runs has {accuracy:.2f}, with learning_rate {rate:.2g}"
    rates = [run.config["learning_rate"] for run in runs]
    if rate == min(rates):
        return f"{found}, the smallest that was tried: go lower, and step by ratio"
    if rate == max(rates):
        return f"{found}, the largest that was tried: go higher"
    return f"{found}; try its neighbourhood, and other widths"


@says
def check_8(reasons):
    """What is wrong with each of the runs of ``LOSSES``: a dict from its name to one of ``REASONS``."""
    if set(reasons) != set(LOSSES) or not set(reasons.values()) <= set(REASONS.values()):
        return f"give a dict that names one of {sorted(REASONS.values())} for each of a, b, c"
    hints = {
        "a": "a hardly leaves the loss of guessing",
        "b": "b goes up and down by large steps",
        "c": "c falls in every epoch, also in the last",
    }
    return next((hints[name] for name in LOSSES if reasons[name] != REASONS[name]), None)
