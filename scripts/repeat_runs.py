"""The best and the worst runs of the grid again, with other seeds: how much of a score is luck?

    python scripts/repeat_runs.py

trains for ten minutes of one core, and writes ``data/grid_240_seeds.csv`` and what goes with it. A second process
shares the work with ``--join ID``, the id that the first has printed; so does one that goes on after a stop.
"""

import argparse
import itertools

import torch
import wandb

from sudoku_sweep import data, local, sweeps
from sudoku_sweep.analysis import results, tables
from sudoku_sweep.config import Config

GRID = data.DATA_DIR / "grid_240.csv"
REPEATS = data.DATA_DIR / "grid_240_seeds.csv"
N_RUNS = 10  # so many from either end of the ranking
N_SEEDS = 2


def main(arguments=None):
    """Set up the sweep of repeats, or join it, train its runs, and write all that have ended."""
    parser = argparse.ArgumentParser(description="Train the best and the worst runs again.")
    parser.add_argument("--join", metavar="ID", help="share a sweep that is set up already")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    grid = results.load(GRID)
    sweep_id = args.join or local.sweep(repeats_of(grid), project=sweeps.PROJECT)
    print(f"share the work with: python scripts/repeat_runs.py --join {sweep_id}")
    train_repeats(sweep_id, grid)
    ended = [run for run in local.runs(sweep_id) if run.state in local.DONE]
    results.export(REPEATS, ended, {"sweep": local.open_sweep(sweep_id).config})


def repeats_of(grid):
    """The sweep configuration that repeats the best and the worst runs of some ``Results`` with other seeds.

    Best is by the metric of their sweep; of runs that differ in their seed alone, the best one counts. The seeds are
    the smallest from 1 on that no run has. A run is named by its ``row``, the ``index`` that it has in the results.

    Raises
    ------
    ValueError
        No run has finished with a score.
    """
    metric = grid.metadata["sweep"].get("metric", sweeps.FULL["metric"])
    score = tables.metric_values(grid.frame, metric).dropna()
    if score.empty:
        raise ValueError(f"no run has finished with a number for {metric['name']!r}")
    ranked = grid.frame.loc[score.sort_values(ascending=metric.get("goal") != "maximize").index]
    settings = [name for name in ranked if name.startswith("config.") and name != "config.seed"]
    rows = ranked[~ranked[settings].astype(str).duplicated()]["index"].tolist()
    used = set(grid.frame.get("config.seed", ()))
    seeds = itertools.islice((seed for seed in itertools.count(1) if seed not in used), N_SEEDS)
    return {
        "method": "grid",
        "metric": metric,
        "parameters": {
            "row": {"values": rows[:N_RUNS] + rows[N_RUNS:][-N_RUNS:]},
            "seed": {"values": list(seeds)},
        },
        "name": "the best and the worst runs again",
    }


def train_repeats(sweep_id, grid):
    """Train what is left of a sweep from ``repeats_of``, on the boards that the first runs had."""
    training, validation = data.load_split("train"), data.load_split("validation")
    configs = {run.index: run.config for run in grid.runs}

    def train_again():
        with wandb.init() as run:  # what else is set depends on the row, which the agent brings
            settings = configs[run.config["row"]] | {"seed": run.config["seed"]}
            run.config.setdefaults(settings)
            sweeps.fit_in_run(run, Config(**settings), training, validation, "cpu")

    local.agent(sweep_id, function=train_again)


if __name__ == "__main__":
    main()
