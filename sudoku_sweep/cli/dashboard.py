"""``dashboard``: local sweeps in Optuna's dashboard."""

import functools

import click

from .. import local
from ..errors import SudokuError, SweepError
from ..values import flatten
from .options import chosen_sweep, metrics_of

SHOWN = "id or name of a local sweep (default: all local sweeps)"


@click.command()
@click.argument("sweep", required=False, help=SHOWN)
@click.option("--no-browser", is_flag=True, help="only print the address")
def dashboard(sweep, no_browser):
    """Show local sweeps in Optuna's dashboard. Runs appear there as they end."""
    try:
        from ..analysis.dashboard import serve, show_runs
    except ModuleNotFoundError as error:
        what = f"the dashboard needs {error.name}"
        raise SweepError(f'{what}: pip install -e ".[dashboard]" -c constraints.txt') from error
    only = sweep and chosen_sweep(sweep)
    opened = functools.cache(local.open_sweep)  # reads a file again only if it was changed
    skipped = set()

    def show(storage):
        if only:
            return show_runs(storage, *study(only))
        for sweep_id in local.sweeps():
            try:
                show_runs(storage, *study(opened(sweep_id)))
            except SudokuError as error:
                if sweep_id not in skipped:
                    print(f"left out: sweep {sweep_id}, since {error}", flush=True)
                skipped.add(sweep_id)

    serve(show, not no_browser)


def study(sweep):
    """What the dashboard is told of a sweep, as it is now: its name, its runs, its metric, and what was searched."""
    metrics = metrics_of(sweep)
    if not metrics:
        raise SweepError(f"sweep {sweep.id} names no metric to rank runs by; `report` lists them")
    runs, searched = sweep.runs(), {}
    if not sweep.space.parameters:  # an engine's function names them
        for name, value in (pair for run in runs for pair in run.params.items()):
            searched.setdefault(name, []).append(value)
    for path, one in sweep.space.searched.items():
        for value in one.extremes() or (one.quantile(0), one.quantile(1 - 2**-53)):
            # of a dict, each entry is a setting
            for inner, part in flatten({".".join(path): value}).items():
                searched.setdefault(".".join(inner), []).append(part)
    title = f"{sweep.config.get('name', '')} {sweep.id}".strip()
    return title, runs, metrics, searched
