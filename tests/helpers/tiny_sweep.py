"""A sweep of six runs that log a product, for tests of whatever runs sweeps."""

import wandb

GRID = {
    "method": "grid",
    "metric": {"name": "score", "goal": "maximize"},
    "parameters": {
        "a": {"values": [1, 2, 3]},
        "b": {"values": [0.5, 1.5]},
        "fixed": {"value": "x"},
    },
}


def untimed(rows):
    """Rows without the times that W&B adds to each."""
    return [{k: v for k, v in row.items() if k not in ("_runtime", "_timestamp")} for row in rows]


def log_score():
    with wandb.init() as run:
        for epoch in (1, 2):
            run.log({"epoch": epoch, "score": run.config.a * run.config.b * epoch})
