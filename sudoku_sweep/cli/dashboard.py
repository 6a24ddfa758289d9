"""``dashboard``: local sweeps in Optuna's dashboard."""

import functools
from pathlib import Path

import click

from .. import local
from ..analysis import results
from ..errors import SweepError
from ..values import flatten
from .options import chosen_sweep, metric_and_goal

SHOWN = "id or name of a local sweep, or NAME.csv from `export` (default: all local sweeps)"


@click.command()
@click.argument("sweep", required=False, help=SHOWN)
@click.option("--no-browser", is_flag=True, help="only print the address")
def dashboard(sweep, no_browser):
    """Show local sweeps, or an export, in Optuna's dashboard. Runs appear there as they end."""
    try:
        from ..analysis.dashboard import serve
    except ModuleNotFoundError as error:
        what = f"the dashboard needs {error.name}"
        raise SweepError(f'{what}: pip install -e ".[dashboard]" -c constraints.txt') from error
    if sweep and sweep.endswith(".csv"):
        loaded = results.load(sweep, local.Run)
        space = local.read_config(loaded.metadata.get("sweep", {}))
        studies = [study(Path(sweep).stem, space, loaded.runs)]
        serve(lambda: studies, not no_browser)
    else:
        chosen = [chosen_sweep(sweep).id] if sweep else None
        opened = functools.cache(local.open_sweep)  # reads a file again only if it was changed
        serve(lambda: map(study_of, map(opened, chosen or local.sweeps())), not no_browser)


def study_of(sweep):
    """What the dashboard is told of a local sweep, as it is now."""
    name = f"{sweep.config.get('name', '')} {sweep.id}".strip()
    return study(name, sweep.space, sweep.runs())


def study(title, space, runs):
    """What the dashboard is told of a sweep: its name, its runs, its metric, and what was searched."""
    searched = {}
    for path, parameter in space.searched.items():
        name, listed = ".".join(path), parameter.listed
        if listed is None:
            low, high = parameter.quantile(0), parameter.quantile(1 - 2**-53)
            searched[name] = low, high, low > 0 and "log" in parameter.distribution
        elif isinstance(listed, range):
            searched[name] = listed
        else:
            for value in listed:  # of a dict, each entry is a setting
                for inner, part in flatten({name: value}).items():
                    searched.setdefault(".".join(inner), []).append(part)
    return title, runs, metric_and_goal(space), searched
