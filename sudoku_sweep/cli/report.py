"""``report``: all local sweeps, and the table of one, or of several."""

from datetime import datetime, timedelta

import click
import pandas as pd

from .. import local
from ..analysis import tables
from ..errors import SudokuError, SweepError
from .options import SWEEP, chosen_sweep, metrics_of, readable


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
    """A sweep, its runs, and the table of them, with the settings that the sweep gave: each is read once."""
    runs = sweep.runs()
    frame = tables.runs_frame(runs)
    given = sweep.config.get("parameters") or {name for run in runs for name in run.params}
    starts = tuple(f"config.{name}." for name in given)
    shown = [name for name in frame if name[:7] != "config." or f"{name}.".startswith(starts)]
    return sweep, runs, frame[shown]


def sweep_row(sweep, runs, frame):
    """A sweep in the list of all."""
    metrics = metrics_of(sweep)
    try:
        row = tables.best_row(frame, metrics[0]) if metrics else None
        best = "" if row is None else f"{metrics[0]['name']} {row['score']:.4g}"
    except SudokuError:  # what is wrong stands above the sweep's own table
        best = f"no {metrics[0]['name']}"
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
    metrics, *others = [metrics_of(sweep) for sweep, *_ in chosen]
    if any(other != metrics for other in others):
        raise SweepError(f"sweeps with different metrics cannot be compared: {[metrics, *others]}")
    frame = pd.concat(
        # the runs of all sweeps are called alike
        frame.assign(name=f"{sweep.id} " + frame["name"]) if others else frame
        for sweep, _, frame in chosen
    )
    names = " and ".join(metric["name"] for metric in metrics)
    how = f"by {names}, best first:" if metrics else "it names no metric, so in order:"
    try:
        table = tables.leaderboard(frame, metrics)
    except SudokuError as error:
        how, table = f"{error}. In order:", tables.leaderboard(frame, None)
    parts = [how, as_text(table) if len(table) else "no runs yet"]
    seeds = {sweep.space.repeats or "seed" for sweep, *_ in chosen}
    if len(metrics) == len(seeds) == 1 and f"config.{min(seeds)}" in tables.varied(frame):
        (seed,) = seeds
        parts += ["", f"each configuration over its values of {seed}, best mean first:"]
        parts.append(as_text(tables.by_configuration(frame, metrics[0], seed)))
    return "\n".join(parts)


def as_text(table):
    """A table as it is printed."""
    return table.to_string(float_format="{:.4g}".format, na_rep="-")
