"""Write ``tests/local/golden/wandb_engine.json``: what W&B's own engine (``sweeps`` on PyPI) does.

The tests of ``sudoku_sweep.local`` hold against it.

That engine needs numpy below 2, so it lives in an environment of its own: ``make golden``.
"""

import json
import random
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sweeps import RunState, SweepRun, next_run, next_runs, stop_runs
from sweeps.params import HyperParameter

from benchmarks.surfaces import RUNS, SEEDS, SURFACES, sweep_of

GRIDS = [
    {  # the project's own, 240 points
        "learning_rate": {"values": [1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3]},
        "embedding_dim": {"values": [10, 15, 20, 30]},
        "attention_dim": {"values": [9, 18, 27, 36]},
        "n_heads": {"values": [1, 3, 9]},
        "epochs": {"value": 50},
        "batch_size": {"value": 512},
    },
    {  # nested, in an order that differs from the sorted one
        "z": {"values": [1, 2]},
        "model": {
            "parameters": {
                "width": {"values": [8, 16]},
                "block": {"parameters": {"heads": {"values": [1, 3]}, "depth": {"value": 2}}},
            }
        },
        "mlp": {"values": ["a", "b"]},
    },
    {
        "steps": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25},
        "n": {"min": 3, "max": 5},
    },
    {
        "twice": {"values": [1, 1.0, 2, "1", True, 2]},
        "b": {"values": [None, [1, 2]]},
        "dicts": {"values": [{"x": 1, "y": {"u": 1, "v": 2}}, {"y": {"v": 2, "u": 1}, "x": 1}]},
    },
]
ENDS = {"min": 0.5, "max": 4.0}
BELL = {"mu": 0.7, "sigma": 0.4}
ENTRIES = [
    {"value": "x"},
    {"values": [10, 20, 30]},
    {"values": ["a", "b", "c"], "probabilities": [0.2, 0.5, 0.3]},
    {"min": 3, "max": 8},
    *({"min": low, "max": high} for low, high in ((-1.0, 3.0), (1, 2.5), (0.0, 1))),
    {"distribution": "uniform", "min": 0, "max": 1},
    *({"distribution": kind, **ENDS} for kind in ("log_uniform", "inv_log_uniform")),
    *({"distribution": f"{kind}log_uniform_values", **ENDS} for kind in ("", "inv_")),
    *(
        {"distribution": f"q_{kind}uniform{values}", **ENDS, **q}
        for kind, values in (("", ""), ("log_", ""), ("log_", "_values"))
        for q in ({}, {"q": 2}, {"q": 0.3})
    ),
    *({"distribution": f"{kind}normal", **BELL} for kind in ("", "log_")),
    *({"distribution": f"q_{kind}normal", **BELL, "q": 0.25} for kind in ("", "log_")),
    *({"distribution": f"{kind}log_normal", "sigma": 200} for kind in ("", "q_")),
    *({"distribution": kind} for kind in ("normal", "log_normal", "q_normal", "q_log_normal")),
    {"distribution": "beta", "a": 2, "b": 5},
    {"distribution": "q_beta", "a": 2, "b": 5, "q": 0.1},
    {"distribution": "beta"},
    {"distribution": "q_beta"},
]
QUANTILES = [0.001, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6180339887, 0.7, 0.75, 0.9, 0.999]
RULES = [
    {"min_iter": 1},
    {"min_iter": 3},
    {"min_iter": 2, "eta": 2},
    {"min_iter": 2, "eta": 1.5, "strict": False},
    {"max_iter": 27, "s": 2},
    {"max_iter": 27, "s": 3, "eta": 3, "strict": True},
    {"max_iter": 20, "s": 9, "eta": 2, "strict": False},
    {"max_iter": 10, "s": 2, "eta": 2.5},
    {"min_iter": 2, "s": 1},
    {"min_iter": 5, "max_iter": 27, "s": 2},
]


def plain(value):
    """numpy's numbers and lists as Python's."""
    return value.tolist() if hasattr(value, "tolist") else value


def grid(parameters):
    """All points of a grid, in order."""
    points = next_runs({"method": "grid", "parameters": parameters}, [], n=1000)
    return [
        {name: held["value"] for name, held in point.config.items()} for point in points if point
    ]


def hyperband(rules, rng):
    """A sweep of random histories, and which of its running runs are stopped."""
    goal = rng.choice(["minimize", "maximize"])
    runs = []
    for name in range(rng.randint(1, 9)):
        history = [{"score": round(rng.gauss(0, 1), 2)} for _ in range(rng.randint(0, 28))]
        for row in rng.sample(history, len(history) // 10):
            row["score"] = "NaN"  # as W&B's server stores it
        state = rng.choice([RunState.running, RunState.running, RunState.finished, RunState.failed])
        runs.append(SweepRun(name=str(name), state=state, history=history))
    config = {
        "method": "random",
        "metric": {"name": "score", "goal": goal},
        "parameters": {"a": {"min": 0.0, "max": 1.0}},
        "early_terminate": {"type": "hyperband", **rules},
    }
    stopped = [int(run.name) for run in stop_runs(config, runs)]
    histories = [[row["score"] for row in run.history] for run in runs]
    running = [int(run.name) for run in runs if run.state == RunState.running]
    case = {"rules": config["early_terminate"], "goal": goal, "histories": histories}
    return case | {"running": running, "stopped": stopped}


def bayes(surface, parameters, seed):
    """The best value after ``RUNS`` runs."""
    random.seed(seed)
    np.random.seed(seed)
    config, runs = sweep_of("bayes", parameters), []
    for _ in range(RUNS):
        run = next_run(config, runs)
        loss = surface({name: held["value"] for name, held in run.config.items()})
        run.state, run.history = RunState.finished, [{"loss": loss}]
        runs.append(run)
    return min(run.history[0]["loss"] for run in runs)


def main():
    """Ask the engine everything, and write down what it says."""
    warnings.simplefilter("ignore")  # scikit-learn's, about length scales at their bounds
    rng = random.Random(0)
    content = {
        "engine": f"sweeps {version('sweeps')}",
        "grids": [{"parameters": parameters, "points": grid(parameters)} for parameters in GRIDS],
        "quantiles": [
            {
                "entry": entry,
                "values": [[u, plain(HyperParameter("p", entry).ppf(u))] for u in QUANTILES],
            }
            for entry in ENTRIES
        ],
        "hyperband": [hyperband(rules, rng) for rules in RULES for _ in range(12)],
        "bayes": {
            name: [bayes(surface, parameters, seed) for seed in range(SEEDS)]
            for name, (surface, parameters) in SURFACES.items()
        },
    }
    golden = Path(__file__).parent.parent / "tests" / "local" / "golden"
    (golden / "wandb_engine.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
