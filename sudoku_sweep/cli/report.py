"""``report``: all local sweeps, and the table of one."""

import click
import pandas as pd

from .. import local
from ..analysis import tables
from .options import chosen_sweep, metric_and_goal, readable, sweep_argument


@click.command()
@sweep_argument
def report(sweep):
    """List all local sweeps, and print the leaderboard of one."""
    sweep = chosen_sweep(sweep)
    opened = {sweep.id: sweep}  # whose runs are read once
    rows = readable(lambda id: sweep_row(opened.get(id) or local.open_sweep(id)), local.sweeps())
    listed = pd.DataFrame(rows)
    print(listed.to_string(index=False), end="\n\n")
    metric, goal = metric_and_goal(sweep.space)
    frame = tables.runs_frame(sweep.runs())
    leaderboard = tables.leaderboard(frame, metric, goal)
    print(f"local sweep {sweep.id}, {len(frame)} runs, by {metric}, best first:")
    if leaderboard.empty:
        print("no runs yet")
    else:
        print(leaderboard.to_string(float_format="{:.4g}".format))


def sweep_row(sweep):
    """A sweep in the list of all."""
    metric, goal = metric_and_goal(sweep.space)
    frame = tables.runs_frame(sweep.runs())
    best = tables.best_row(frame, metric, goal)
    return {
        "sweep": sweep.id,
        "name": sweep.config.get("name", ""),
        "method": sweep.config["method"],
        "runs": len(frame),
        "best": "" if best is None else f"{metric} {float(best[f'summary.{metric}']):.4g}",
    }
