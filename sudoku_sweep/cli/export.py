"""``export``: the runs of a local sweep as plain tables."""

import click

from .. import local
from ..analysis import results
from ..errors import SweepError
from .options import chosen_sweep, sweep_argument


@click.command()
@click.argument("file", metavar="NAME.csv", help="the table to write")
@sweep_argument
def export(file, sweep):
    """Write all ended runs of a local sweep as plain tables. `sweep --prior` goes on from there."""
    sweep = chosen_sweep(sweep)
    runs = [run for run in sweep.runs() if run.state in local.DONE]
    if not runs:
        raise SweepError(f"no run of sweep {sweep.id} has ended yet: there is nothing to write")
    config = sweep.config | {"project": sweep.project}
    table = results.export(file, runs, {"sweep": config})
    print(f"{table}: {len(runs)} runs")
