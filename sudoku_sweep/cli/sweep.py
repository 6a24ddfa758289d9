"""``sweep``: set up a sweep without an account, of the Sudoku net or of any program."""

import functools
import itertools
from pathlib import Path

import click
import yaml

from .. import local, sweeps
from ..errors import SweepError
from .options import chosen_sweep, trains_sudoku

MANY = 1_000_000  # values in a file: W&B's grids have fewer
PRESET = "how much of the notebook's sweep (default: SUDOKU_PRESET, else quick)"
PRIOR = "a local sweep, or NAME.csv from `export`: its runs are part of the new sweep (alone: goes on with it)"
SEED = "draws the same random configurations on any machine"


@click.command()
@click.argument("file", required=False, help="a sweep configuration, such as sweep.yaml")
@click.option("--preset", type=click.Choice(list(sweeps.PRESETS)), help=PRESET)
@click.option("--prior", metavar="SWEEP", help=PRIOR)
@click.option("--seed", type=int, help=SEED)
def sweep(file, preset, prior, seed):
    """Set up a local sweep: the notebook's, or one from a file. No account is needed."""
    if file and preset:
        raise SweepError("give a file, or --preset for the notebook's own sweep, not both")
    config, runs = earlier(prior) if prior else (None, [])
    if file:
        config = from_file(file)
    elif preset or not prior:
        config = {"project": sweeps.PROJECT} | sweeps.choose_preset(preset).sweep_config
    space = local.read_config(config)
    if trains_sudoku(space, space.project):
        sweeps.check_trainable(local.configurations(space))
    sweep_id = local.sweep(config, prior_runs=runs, seed=seed)
    print(f"Start its runs with: python -m sudoku_sweep agent {sweep_id}")


def earlier(prior):
    """The configuration and the runs of a local sweep, or of an export."""
    if not prior.endswith(".csv"):
        chosen = chosen_sweep(prior)
        return chosen.config | {"project": chosen.project}, chosen.runs()
    from ..analysis import results  # and with it pandas, which nothing else here needs

    loaded = results.load(prior, local.Run)
    return {"name": Path(prior).stem} | loaded.metadata.get("sweep", {}), loaded.runs


@functools.cache
def n_values(node):
    """How many values a YAML node holds if its aliases are written out; none of them is."""
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    inside = itertools.chain(*parts) if isinstance(node, yaml.MappingNode) else parts
    return 1 + sum(map(n_values, inside))


def from_file(path):
    """The sweep configuration in a file; if it has no name, it gets the file's."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        if n_values(yaml.compose(text, yaml.SafeLoader)) > MANY:
            raise ValueError(f"with its aliases written out it has more than {MANY:,} values")
        config = yaml.safe_load(text)
        return {"name": Path(path).stem} | config if isinstance(config, dict) else config
    # a month 13, a tag `!!bool x`, a thousand brackets: each has an error of its own
    except Exception as error:
        raise SweepError(f"{path} is no YAML file that can be read: {error}") from error
