"""What a sweep configuration holds: its parameters, nested or not, its grid, and how many runs it makes."""

import math
import random
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import wandb
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, model_validator

from . import distributions, hyperband
from .errors import SweepError
from .validation import Model, Number, validated

MANY = 100_000  # configurations that are checked before a sweep starts


def flatten(parameters):
    """The entries of ``parameters`` as ``{path: entry}``, in W&B's order: names sorted, nested ones inside.

    A path is a tuple of names, of one name unless the parameter is nested. A ``SweepError`` says what is missing.
    """
    return dict(_walk((), parameters))


def _walk(above, parameters):
    where = f"parameter {'.'.join(above)}" if above else "a sweep configuration"
    if not isinstance(parameters, dict) or not parameters:
        raise SweepError(f"{where}: 'parameters' must be a dict that names at least one parameter")
    for name, entry in sorted(parameters.items(), key=lambda item: str(item[0])):
        path = (*above, str(name))
        if not isinstance(entry, dict):
            example = {"values": [1, 2]}
            raise SweepError(
                f"parameter {'.'.join(path)}: give a dict like {example}, not {entry!r}"
            )
        if "parameters" not in entry:
            yield path, entry
        elif len(entry) == 1:
            yield from _walk(path, entry["parameters"])
        else:
            raise SweepError(
                f"parameter {'.'.join(path)}: leave out what stands beside 'parameters'"
            )


def unflatten(values):
    """``{path: value}`` as a configuration: a dict, with dicts inside for nested parameters."""
    nested = {}
    for path, value in values.items():
        inside = nested
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        inside[path[-1]] = value
    return nested


def _read_parameters(parameters):
    flat = flatten(parameters)
    return {path: distributions.read(".".join(path), entry) for path, entry in flat.items()}


class Parameters(Model):
    """The parameters of a sweep configuration, whatever else it holds: ``{path: Distribution}``."""

    model_config = ConfigDict(extra="ignore")
    parameters: Annotated[Any, PlainValidator(_read_parameters)]

    def grid(self):
        """Every configuration of the grid, as ``Points``; a ``SweepError`` where a parameter is a continuous range."""
        values = {}
        for path, distribution in self.parameters.items():
            try:
                values[path] = distribution.choices()
            except ValueError as error:
                raise SweepError(f"parameter {'.'.join(path)}: {error}") from None
        return Points(values)

    def searched(self):
        """The parameters that have more than one fixed value, as ``{path: Distribution}``."""
        fixed = distributions.Constant
        return {path: one for path, one in self.parameters.items() if not isinstance(one, fixed)}


class Metric(Model):
    """What a sweep is judged by. Source: docs.wandb.ai, "Sweep configuration options"; ``impute``: W&B's engine."""

    example = ". Write {'name': 'val_accuracy', 'goal': 'maximize'}, a name that your code logs"

    name: str
    goal: Literal["minimize", "maximize"] = "minimize"
    target: Number = None
    impute: Literal["worst", "best", "latest"] = "worst"


def _project(name):
    try:
        wandb.Settings(project=name)
    except wandb.errors.UsageError as error:
        raise ValueError(str(error)) from error
    return name


class SweepConfiguration(Parameters):
    """W&B's sweep configuration, as far as it means something here. Source: docs.wandb.ai, the same page."""

    model_config = ConfigDict(extra="forbid")
    method: Literal["grid", "random", "bayes"]
    metric: Annotated[Any, PlainValidator(partial(validated, Metric, what="metric"))] = None
    run_cap: int = Field(None, ge=1)
    early_terminate: Annotated[Any, PlainValidator(hyperband.read)] = None
    name: str = ""
    description: str = ""
    project: Annotated[str, AfterValidator(_project)] = "uncategorized"
    entity: Any = None  # this and the rest: for `wandb sweep`
    program: Any = None
    command: Any = None

    @model_validator(mode="after")
    def _fits_together(self):
        if not self.metric and (self.method == "bayes" or self.early_terminate):
            what = "early_terminate" if self.early_terminate else "method bayes"
            raise ValueError(f"{what} needs a metric{Metric.example}")
        if self.method == "bayes" and not self.searched():
            raise ValueError("method bayes has nothing to search: every parameter is fixed")
        if self.method == "grid":
            self.grid()
        return self


def read(config):
    """A sweep configuration, understood, as a ``SweepConfiguration``.

    Raises
    ------
    SweepError
        It cannot be run here; says what is wrong in it, where, and what to write instead.
    """
    return validated(SweepConfiguration, config, "a sweep configuration")


class Points(Sequence):
    """All combinations of values, the last one changing fastest; each is made when it is asked for."""

    def __init__(self, values):
        self.values = values  # {path: sequence}
        self.size = math.prod(map(len, values.values()))  # may be more than ``len`` can say

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[at] for at in range(self.size)[index]]
        at = range(self.size)[index]
        chosen = {}
        for path, values in reversed(self.values.items()):
            at, place = divmod(at, len(values))
            chosen[path] = values[place]
        return unflatten(dict(reversed(chosen.items())))


def grid(config):
    """Every configuration of a grid sweep, in W&B's order: names sorted, the last one changing fastest.

    A sequence with ``len``, indices and iteration, none of which lists the whole grid.

    Raises
    ------
    SweepError
        No parameters, no values, or a continuous range, which a grid cannot enumerate.
    """
    return validated(Parameters, config, "a sweep configuration").grid()


def n_runs(config, count=None):
    """How many runs a sweep makes: its grid, its ``run_cap`` and ``count``, whichever ends it first.

    ``None`` if nothing ends it: methods other than grid go on until they are stopped.
    """
    if count is not None and (type(count) is not int or count < 1):
        raise SweepError(f"count is {count!r}; give a whole number of at least 1, or leave it out")
    sweep = read(config)
    size = sweep.grid().size if sweep.method == "grid" else None
    return min((limit for limit in (size, sweep.run_cap, count) if limit is not None), default=None)


def configurations(config):
    """What is worth checking before a sweep starts: the runs of a grid, else the ends of all ranges, combined.

    What lies between the ends is drawn later. Of more than ``MANY`` configurations, so many are taken at random.
    """
    sweep = read(config)
    if sweep.method == "grid":
        points, size = sweep.grid(), n_runs(config)
    else:
        tried = {path: distribution.extremes() for path, distribution in sweep.parameters.items()}
        points = Points({path: values for path, values in tried.items() if values})
        size = points.size
    draw = random.Random(0)
    chosen = range(size) if size <= MANY else (draw.randrange(size) for _ in range(MANY))
    return [points[index] for index in chosen]
