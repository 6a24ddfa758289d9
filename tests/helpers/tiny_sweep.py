"""A sweep of six runs that log a product, for tests of whatever runs sweeps."""

import json
import time
from pathlib import Path

import wandb

from sudoku_sweep import local

PARAMETERS = {"a": {"values": [1, 2, 3]}, "b": {"values": [0.5, 1.5]}, "fixed": {"value": "x"}}
METRIC = {"name": "score", "goal": "maximize"}
GRID = {"method": "grid", "metric": METRIC, "parameters": PARAMETERS}
GOLDEN = Path(__file__).parents[1] / "local" / "golden" / "wandb_engine.json"
ENGINE = json.loads(GOLDEN.read_text("utf-8"))  # what W&B's own engine has answered


def untimed(rows):
    """Rows without the times that W&B adds to each."""
    return [{k: v for k, v in row.items() if k not in ("_runtime", "_timestamp")} for row in rows]


def logged(rows):
    """What was logged, without step and times."""
    return [{name: value for name, value in row.items() if name[0] != "_"} for row in rows]


def log_score():
    with wandb.init() as run:
        for epoch in (1, 2):
            run.log({"epoch": epoch, "score": run.config.a * run.config.b * epoch})


def ran(function, sweep=GRID, **arguments):
    """The runs of a sweep, a new one unless its id is given, after one call of ``agent``."""
    sweep_id = sweep if isinstance(sweep, str) else local.sweep(sweep)
    local.agent(sweep_id, function=function, **arguments)
    return local.runs(sweep_id)


def states(runs):
    return [run.state for run in runs]


def wait_until(holds):
    """Wait a minute at most for what other processes do."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
