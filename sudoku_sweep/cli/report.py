"""``report``: all local sweeps, and the table of one, or of several."""

from datetime import datetime, timedelta

import click
import pandas as pd

from .. import local
from ..analysis import tables
from ..errors import SudokuError, SweepError
from .options import SWEEP, chosen_sweep, metric_of


@click.command()
@click.argument("sweeps", nargs=-1, metavar="[SWEEP]...", help=f"{SWEEP}; several are compared")
def report(sweeps):
    """List all local sweeps, and print the leaderboard of one, or of several together."""
    chosen = {sweep.id: sweep for sweep in map(chosen_sweep, sweeps or [None])}
    listed = [chosen.get(sweep_id) or local.open_sweep(sweep_id) for sweep_id in local.sweeps()]
    runs = {sweep.id: sweep.runs() for sweep in listed}  # each is read once
    frames = {sweep_id: tables.runs_frame(some) for sweep_id, some in runs.items()}
    rows = [sweep_row(sweep, frames[sweep.id]) for sweep in listed]
    print(pd.DataFrame(rows).to_string(index=False), end="\n\n")
    for sweep in chosen.values():
        print(title(sweep, runs[sweep.id]))
    print(leaderboard(chosen.values(), frames))


def sweep_row(sweep, frame):
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
        "method": sweep.config["method"],
        "done": done(sweep, frame["state"]),
        "best": best,
    }


def done(sweep, states):
    """How many runs of a sweep have ended, and of how many if it ends by itself."""
    of = f" of {sweep.space.n_runs}" if sweep.space.n_runs else ""
    return f"{sum(state in local.DONE for state in states)}{of}"


def title(sweep, runs):
    """What is said of a sweep above the table of its runs."""
    parts = [f"local sweep {sweep.id}, {done(sweep, [run.state for run in runs])} runs done"]
    if program := sweep.config.get("program"):
        parts.append(f"program {program}")
    if hosts := dict.fromkeys(run.host for run in runs if run.host):
        parts.append(f"on {' and '.join(hosts)}")
    duration = timedelta(seconds=round(sum(run.seconds for run in runs)))
    return ", ".join([*parts, f"{duration} in all"])


def leaderboard(sweeps, frames):
    """The table of some sweeps' runs, best first, and what is to be said of it, as text."""
    metric, *others = map(metric_of, sweeps)
    if any(other != metric for other in others):
        raise SweepError(f"sweeps with different metrics cannot be compared: {[metric, *others]}")
    if others:  # runs of all sweeps are called alike
        frames = {
            id_: frame.assign(name=f"{id_} " + frame["name"]) for id_, frame in frames.items()
        }
    frame = pd.concat([frames[sweep.id] for sweep in sweeps])
    how = f"by {metric['name']}, best first:" if metric else "it names no metric, so in order:"
    try:
        table = tables.leaderboard(frame, metric)
    except SudokuError as error:
        how, table = f"{error}. In order:", tables.leaderboard(frame, None)
    rows = table.to_string(float_format="{:.4g}".format, na_rep="-")
    return f"{how}\n{'no runs yet' if table.empty else rows}"
