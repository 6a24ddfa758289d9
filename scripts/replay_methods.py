"""Search methods replayed on runs that were really made: what each would have found, and at what cost.

    python scripts/replay_methods.py

writes ``data/replay.csv`` from ``data/grid_240.csv``, in a quarter of an hour. Nothing is trained: a method proposes
configurations as it does in a sweep, and the results of the whole grid answer for them, learning curves included. A
configuration that is drawn twice costs twice, as it does in a sweep.
"""

import argparse
import itertools

import numpy as np
import pandas as pd

from sudoku_sweep import data, local, sweeps
from sudoku_sweep.analysis import results, tables
from sudoku_sweep.files import write_atomically
from sudoku_sweep.local import search
from sudoku_sweep.local.hyperband import Hyperband
from sudoku_sweep.values import as_json

METRIC = sweeps.FULL["metric"]  # what is looked for
# by the training loss, logged every epoch
STOPPING = Hyperband(type="hyperband", min_iter=3, strict=False)
METHODS = ("grid", "random", "bayes", "random + hyperband")


def main(arguments=None):
    """Replay all methods on a file of results, and write what they found."""
    parser = argparse.ArgumentParser(
        description="Replay search methods on the results of a whole grid."
    )
    parser.add_argument("--results", default=data.DATA_DIR / "grid_240.csv", help="from `export`")
    parser.add_argument("--out", default=data.DATA_DIR / "replay.csv")
    parser.add_argument(
        "--repetitions", type=int, default=200, help="seeds from 0 on (default 200)"
    )
    parser.add_argument("--epochs", type=int, default=400, help="to spend in all (default 400)")
    args = parser.parse_args(arguments)
    table = compare(results.load(args.results), args.repetitions, args.epochs)
    write_atomically(args.out, table.to_csv(index=False, lineterminator="\n").encode())
    print(table.groupby("method", sort=False).last().to_string())


def compare(grid, repetitions, budget, methods=METHODS):
    """Median and quartiles of the best found, per method and epochs spent.

    Parameters
    ----------
    grid : Results
        Of a whole grid, all of whose runs have a score.
    repetitions : int
        How many seeds; the grid itself has one order.
    budget : int
        Epochs, from those of one run to those of the whole grid.
    methods : tuple of str

    Returns
    -------
    DataFrame
        ``method``, ``epochs``, ``lower``, ``median``, ``upper``.

    Raises
    ------
    ValueError
        Results that cannot be replayed, or a budget out of bounds.
    """
    epochs = _epochs(grid)
    per_run = max(epochs)
    if not per_run <= budget <= sum(epochs):
        raise ValueError(
            f"a budget of {budget} epochs: give one between that of one run, {per_run}, and that of the whole grid, "
            f"{sum(epochs)}"
        )
    at = np.arange(per_run, budget + 1, per_run)
    parts = []
    for method in methods:
        seeds = range(1 if method == "grid" else repetitions)
        best = [_sampled(replay(method, grid, seed, budget), at) for seed in seeds]
        lower, median, upper = np.percentile(best, [25, 50, 75], axis=0)
        quartiles = {"lower": lower, "median": median, "upper": upper}
        parts.append(pd.DataFrame({"method": method, "epochs": at} | quartiles))
    return pd.concat(parts, ignore_index=True)


def _epochs(grid):
    """For how long each run was trained, once the runs are known to be those of a whole grid, in its order."""
    configs = local.grid(grid.metadata["sweep"])
    if [run.index for run in grid.runs] != list(range(len(configs))):
        raise ValueError(
            f"a replay needs all {len(configs)} runs of the grid, in its order; there are {len(grid.runs)}"
        )
    for run, config in zip(grid.runs, configs, strict=True):
        if not config.items() <= run.config.items():
            raise ValueError(f"{run.name} has another config than the grid has there")
    unscored = grid.frame["name"][tables.metric_values(grid.frame, METRIC).isna()]
    if len(unscored):
        raise ValueError(f"{', '.join(unscored)}: not finished with a number for {METRIC['name']}")
    epochs = [len(_losses(run)) for run in grid.runs]
    if 0 in epochs:
        raise ValueError(f"{grid.runs[epochs.index(0)].name} has logged no train_loss")
    return epochs


def _losses(run):
    """The training loss of a run after each of its epochs."""
    return [row["train_loss"] for row in run.rows if "train_loss" in row]


def replay(method, grid, seed, budget):
    """One sweep: after how many epochs in all which score was the best found so far.

    Parameters
    ----------
    method : str
        One of ``METHODS``. ``grid`` goes through the grid in W&B's order, whatever the seed.
    grid : Results
    seed : int
    budget : int
        Epochs after which no further run is started.

    Returns
    -------
    list of (int, float)
        Epochs spent and best score, after every run that improved on it.
    """
    name, _, stops = method.partition(" + ")
    searched = {"method": name, "metric": sweeps.FULL["metric"]}
    space = local.read_config(grid.metadata["sweep"] | searched)
    configs = local.grid(grid.metadata["sweep"])
    by_config = {as_json(configs[run.index]): run for run in grid.runs}
    spent, best, found, runs, losses = 0, -np.inf, [], [], []
    for number in itertools.count():
        if spent >= budget or (name == "grid" and number == len(configs)):
            return found
        params = search.propose(space, seed, number, runs)
        run = by_config[as_json(search.to_config(space, params))]
        loss = _losses(run)
        epochs = _stopped_after(loss, losses) if stops else len(loss)
        losses.append(loss[:epochs])
        spent += epochs
        if epochs == len(loss) and run.summary[METRIC["name"]] > best:
            best = run.summary[METRIC["name"]]
            found.append((spent, best))
        runs.append(local.Run(**vars(run), params=params))


def _stopped_after(loss, others):
    """Epochs that a run trains for if hyperband may stop it after each."""
    for epochs in range(1, len(loss)):
        if STOPPING.stop_reason("minimize", loss[:epochs], others):
            return epochs
    return len(loss)


def _sampled(found, at):
    """The best score at each number of epochs; chance before the first run has ended."""
    epochs = np.array([spent for spent, _ in found])
    scores = np.array([1 / 9, *(score for _, score in found)])
    return scores[np.searchsorted(epochs, at, side="right")]


if __name__ == "__main__":
    main()
