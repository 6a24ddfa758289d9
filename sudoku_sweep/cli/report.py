"""Looking at sweeps: ``report``, ``export`` and ``dashboard``."""

import functools
import io
import sys
from pathlib import Path

import pandas as pd

from .. import local, sweeps
from ..analysis import results, tables
from ..local import SweepError
from .flags import SWEEP, chosen_sweep


def add_commands(add):
    """Add the three commands to the command line."""
    add("report", report).add_argument("sweep", nargs="?", help=SWEEP)

    flag = add("export", export).add_argument
    flag("file", metavar="NAME.csv")
    flag("sweep", nargs="?", help=SWEEP)

    flag = add("dashboard", show_dashboard).add_argument
    shown = "id or name of a local sweep, or NAME.csv from `export` (default: all local sweeps)"
    flag("sweep", nargs="?", help=shown)
    flag("--no-browser", action="store_true", help="only print the address")


def export(args):
    """Write all ended runs of a local sweep as plain tables; `sweep --resume` goes on from there."""
    sweep = local.open_sweep(chosen_sweep(args.sweep))
    runs = [run for run in sweep.runs() if run.state in local.DONE]
    if not runs:
        raise SweepError(f"no run of sweep {sweep.id} has ended yet: there is nothing to write")
    config = sweep.config | {"project": sweep.project}
    table = results.export(args.file, runs, {"sweep": config})
    print(f"{table}: {len(runs)} runs")


def read_export(path):
    """What ``export`` wrote: the sweep's configuration, and its runs."""
    try:
        loaded = results.load(path)
    except ValueError as error:
        raise SweepError(str(error)) from error
    runs = [local.Run(**run | {"seconds": run["seconds"] or 0.0}) for run in loaded.runs]
    return loaded.metadata.get("sweep", {}), runs


def report(args):
    """List all local sweeps, and print the leaderboard of one: the latest with a name, unless one is given."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal, which may have ASCII alone
        sys.stdout.reconfigure(errors="backslashreplace")
    sweep = local.open_sweep(chosen_sweep(args.sweep))
    print(pd.DataFrame(map(_in_a_line, local.sweeps())).to_string(index=False), end="\n\n")
    judged_by, frame = _judged_by(sweep.config), tables.runs_frame(sweep.runs())
    board = tables.leaderboard(frame, *judged_by)
    print(f"local sweep {sweep.id}, {len(frame)} runs, by {judged_by[0]}, best first:")
    print(board.to_string(float_format="{:.4g}".format) if len(board) else "no runs yet")


def _in_a_line(sweep_id):
    """A sweep in the list of all."""
    sweep = local.open_sweep(sweep_id)
    config, frame = sweep.config, tables.runs_frame(sweep.runs())
    metric, goal = _judged_by(config)
    best = tables.best_row(frame, metric, goal)
    score = "" if best is None else f"{metric} {float(best[f'summary.{metric}']):.4g}"
    what = {"sweep": sweep_id, "name": config.get("name", ""), "method": config["method"]}
    return what | {"runs": len(frame), "best": score}


def _judged_by(config):
    """Name and goal of a sweep's metric; without one, the Sudoku net's."""
    metric = config.get("metric", sweeps.FULL["metric"])
    return metric["name"], metric.get("goal", "minimize")


def show_dashboard(args):
    """Show local sweeps, or a file from `export`, in Optuna's dashboard; runs appear there as they end."""
    try:
        from ..analysis import dashboard
    except ModuleNotFoundError as error:
        what = f"the dashboard needs {error.name}"
        raise SweepError(f'{what}: pip install -e ".[dashboard]" -c constraints.txt') from error
    opened = functools.cache(local.open_sweep)  # which reads a file again only if it was changed

    def study(sweep_id):
        sweep = opened(sweep_id)
        name = f"{sweep.config.get('name', '')} {sweep.id}".strip()
        return _study(name, sweep.config, sweep.runs())

    if args.sweep and args.sweep.endswith(".csv"):
        studies = [_study(Path(args.sweep).stem, *read_export(args.sweep))]
        dashboard.serve(lambda: studies, not args.no_browser)
    else:
        chosen = args.sweep and [chosen_sweep(args.sweep)]
        dashboard.serve(lambda: map(study, chosen or local.sweeps()), not args.no_browser)


def _study(name, config, runs):
    """What the dashboard is told of a sweep."""
    space = {}
    for path, parameter in local.read_config(config).searched.items():
        values = parameter.listed
        if values is None:
            low, high = parameter.quantile(0), parameter.quantile(1 - 2**-53)
            values = low, high, low > 0 and "log" in parameter.distribution
        if isinstance(values, list):  # of a dict, each entry is a setting
            for value in values:
                for column, part in tables.flatten("", {".".join(path): value}).items():
                    space.setdefault(column[1:], []).append(part)
        else:
            space[".".join(path)] = values
    return name, runs, _judged_by(config), space
