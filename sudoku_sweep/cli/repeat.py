"""``repeat``: the best configurations of a local sweep once more, with several seeds."""

import click

from .. import local
from ..errors import SweepError
from .options import POSITIVE, chosen_sweep, sweep_argument

BOTTOM = "so many of the worst, too: how much of the difference is luck?"


@click.command()
@sweep_argument
@click.option("--top", type=POSITIVE, default=3, help="so many configurations (default 3)")
@click.option("--bottom", type=click.IntRange(min=0), default=0, help=BOTTOM)
@click.option("--seeds", default="0,1,2", help="numbers with commas between (default 0,1,2)")
@click.option("--parameter", default="seed", help="what the training calls its seed (default seed)")
def repeat(sweep, top, bottom, seeds, parameter):
    """Set up a sweep of the best configurations of another one, each with every seed."""
    try:
        numbers = list(map(int, seeds.split(",")))
    except ValueError:
        raise SweepError(f"--seeds {seeds}: give whole numbers, such as 0,1,2") from None
    sweep_id = local.repeat(chosen_sweep(sweep).id, top, numbers, parameter, bottom)
    print(f"Start its runs with: python -m sudoku_sweep agent {sweep_id}")
