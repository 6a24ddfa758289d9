"""``report``: all local sweeps, and the table of one, or of several."""

from datetime import datetime, timedelta

import click
import pandas as pd

from .. import local
from ..analysis import tables
from ..errors import SudokuError, SweepError
from .options import SWEEP, chosen_sweep, metric_of, readable


@click.command()
@click.argument("sweeps", nargs=-1, metavar="[SWEEP]...", help=f"{SWEEP}; several are compared")
def report(sweeps):
    """List all local sweeps, and print the leaderboard of one, or of several together."""
    chosen = {sweep.id: opened(sweep) for sweep in map(chosen_sweep, sweeps or [None])}

    def row(sweep_id):
        return sweep_row(*(chosen.get(sweep_id) or opened(local.open_sweep(sweep_id))))

    listed = pd.DataFrame(readable(row, local.sweeps()))
    print(listed.to_string(index=False), end="\n\n")
    for sweep, runs, _ in chosen.values():
        print(title(sweep, runs))
    print(leaderboard(chosen.values()))


def opened(sweep):
    """A sweep, its runs, and the table of them: each is read once."""
    runs = sweep.runs()
    return sweep, runs, tables.runs_frame(runs)


def sweep_row(sweep, runs, frame):
    """A sweep in the list of all."""
    metric = metric_of(sweep)
    try:
        row = tables.best_row(frame, metric) if metric else None
        best = "" if row is None else f"{metric['name']} {row['score']:.4g}"
    except SudokuError:  # what is wrong stands above the sweep's own table
        best = f"no {metric['name']}"
    return {
        "sweep": sweep.id,
        "name": sweep.config.get("name", ""),
        "set up": f"{datetime.fromisoformat(sweep.created_at).astimezone():%Y-%m-%d %H:%M}",
        "method": sweep.space.engine or sweep.space.method,
        "done": done(sweep, runs),
        "best": best,
    }


def done(sweep, runs):
    """How many runs of a sweep have ended, and of how many if it ends by itself."""
    of = f" of {sweep.space.n_runs}" if sweep.space.n_runs else ""
    return f"{sum(run.state in local.DONE for run in runs)}{of}"


def title(sweep, runs):
    """What is said of a sweep above the table of its runs."""
    parts = [f"local sweep {sweep.id}, {done(sweep, runs)} runs done"]
    if program := sweep.config.get("program"):
        parts.append(f"program {program}")
    if hosts := dict.fromkeys(run.host for run in runs if run.host):
        parts.append(f"on {' and '.join(hosts)}")
    duration = timedelta(seconds=round(sum(run.seconds for run in runs)))
    return ", ".join([*parts, f"{duration} in all"])


def leaderboard(chosen):
    """The table of some opened sweeps' runs, best first, and what is to be said of it, as text."""
    metric, *others = [metric_of(sweep) for sweep, *_ in chosen]
    if any(other != metric for other in others):
        raise SweepError(f"sweeps with different metrics cannot be compared: {[metric, *others]}")
    frame = pd.concat(
        # the runs of all sweeps are called alike
        frame.assign(name=f"{sweep.id} " + frame["name"]) if others else frame
        for sweep, _, frame in chosen
    )
    how = f"by {metric['name']}, best first:" if metric else "it names no metric, so in order:"
    try:
        table = tables.leaderboard(frame, metric)
    except SudokuError as error:
        how, table = f"{error}. In order:", tables.leaderboard(frame, None)
    rows = table.to_string(float_format="{:.4g}".format, na_rep="-")
    return f"{how}\n{'no runs yet' if table.empty else rows}"
