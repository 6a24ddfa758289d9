"""``sweep``: set up a sweep without an account, of the Sudoku net or of any program."""

import functools
import itertools
from pathlib import Path

import click
import yaml

from .. import local, sweeps
from ..errors import SweepError
from .options import trains_sudoku

MANY = 1_000_000  # values in a file: W&B's grids have fewer
PRESET = "how much of the notebook's sweep (default: SUDOKU_PRESET, else quick)"
RESUME = "a grid from `export`, with its runs done already"


@click.command()
@click.argument("file", required=False, help="a sweep configuration, such as sweep.yaml")
@click.option("--preset", type=click.Choice(list(sweeps.PRESETS)), help=PRESET)
@click.option("--resume", metavar="NAME.csv", help=RESUME)
def sweep(file, preset, resume):
    """Set up a local sweep: the notebook's, or one from a file. No account is needed."""
    if sum(map(bool, (file, preset, resume))) > 1:
        raise SweepError("give one of: a file, --preset for the notebook's own sweep, --resume")
    if resume:
        sweep_id = resumed(resume)
    elif file:
        sweep_id = set_up(from_file(file))
    else:
        sweep_id = set_up({"project": sweeps.PROJECT} | sweeps.choose_preset(preset).sweep_config)
    print(f"Start its runs with: python -m sudoku_sweep agent {sweep_id}")


def set_up(config):
    """Set up a local sweep, of the Sudoku net only if all of it can be trained. Returns its id."""
    space = local.read_config(config)
    if trains_sudoku(space, space.project):
        sweeps.check_trainable(local.configurations(space))
    return local.sweep(config)


def resumed(path):
    """Set up a local grid sweep in which the runs of an export are done already. Returns its id."""
    from ..analysis import results  # and with it pandas, which nothing else here needs

    loaded = results.load(path, local.Run)
    done = [run for run in loaded.runs if run.state in local.DONE]
    config = {"name": Path(path).stem} | loaded.metadata.get("sweep", {})
    sweep_id = local.import_runs(config, done)
    print(f"{len(done)} of them are done already")
    return sweep_id


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
