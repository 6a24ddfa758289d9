"""What a sweep configuration holds: its parameters, nested or not, its grid, and how many runs it makes."""

import math
import random
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from .distributions import LazySequence, Parameter
from .errors import SweepError
from .hyperband import Hyperband
from .validation import Model, Number

MANY = 100_000  # configurations that are checked before a sweep starts


def flatten(parameters, above=()):
    """``parameters`` as ``{path: Parameter}``, in W&B's order: names sorted, nested ones inside.

    A path is a tuple of names, of one name unless the parameter is nested.
    """
    flat = {}
    for name, parameter in sorted(parameters.items()):
        path = (*above, name)
        flat |= flatten(parameter.parameters, path) if parameter.parameters else {path: parameter}
    return flat


def unflatten(values):
    """``{path: value}`` as a configuration: a dict, with dicts inside for nested parameters."""
    nested = {}
    for path, value in values.items():
        inside = nested
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        inside[path[-1]] = value
    return nested


def combinations(values):
    """All combinations of ``{path: sequence}`` as configurations, the last value changing fastest; none is listed."""

    def combination(index):
        chosen = {}
        for path, sequence in reversed(values.items()):
            index, place = divmod(index, len(sequence))
            chosen[path] = sequence[place]
        return unflatten(dict(reversed(chosen.items())))

    return LazySequence(math.prod(map(len, values.values())), combination)


class Metric(Model):
    """What a sweep is judged by. Source: docs.wandb.ai, "Sweep configuration options"; ``impute``: W&B's engine."""

    name: str
    goal: Literal["minimize", "maximize"] = "minimize"
    target: Number = None
    impute: Literal["worst", "best", "latest"] = "worst"


class SweepConfiguration(Model):
    """W&B's sweep configuration, as far as it means something here. Source: docs.wandb.ai, the same page.

    ``parameters`` are flat: ``{path: Parameter}``.
    """

    method: Literal["grid", "random", "bayes"]
    parameters: Annotated[dict[str, Parameter], Field(min_length=1), AfterValidator(flatten)]
    metric: Metric = None
    run_cap: int = Field(None, ge=1)
    early_terminate: Hyperband = None
    name: str = ""
    description: str = ""
    project: str = "uncategorized"
    entity: Any = None  # this and the rest: for `wandb sweep`
    program: Any = None
    command: Any = None

    @model_validator(mode="after")
    def _fits_together(self):
        if not self.metric and (self.method == "bayes" or self.early_terminate):
            what = "early_terminate" if self.early_terminate else "method bayes"
            example = {"name": "loss", "goal": "minimize"}
            raise ValueError(f"{what} needs a metric, such as {example}")
        if self.method == "bayes" and not self.searched:
            raise ValueError("method bayes has nothing to search: every parameter is fixed")
        endless = [".".join(path) for path, one in self.parameters.items() if one.choices() is None]
        if self.method == "grid" and endless:
            needed = f"'values', whole numbers or steps for {endless[0]}"
            raise ValueError(f"a grid needs {needed}; or use method: random")
        return self

    @property
    def searched(self):
        """The parameters that have more than one fixed value, as ``{path: Parameter}``."""
        entries = self.parameters.items()
        return {path: one for path, one in entries if one.distribution != "constant"}

    @property
    def grid(self):
        """Every configuration of a grid, in W&B's order; a sequence that lists none of them."""
        return combinations({path: one.choices() for path, one in self.parameters.items()})

    @property
    def n_runs(self):
        """Where the sweep ends by itself; None if it goes on until it is stopped."""
        limits = [self.grid.size if self.method == "grid" else None, self.run_cap]
        return min(filter(None, limits), default=None)


def read(config):
    """A sweep configuration, understood, as a ``SweepConfiguration``.

    Raises
    ------
    SweepError
        It cannot be run here; says where in it, what stands there, and what is wrong with it.
    """
    try:
        return SweepConfiguration.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
    place = ".".join(map(str, first["loc"])) or "a sweep configuration"
    given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}"
    reason = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    raise SweepError(f"{place}{given}: {reason}")


def grid(config):
    """Every configuration of a grid sweep, in W&B's order: names sorted, the last one changing fastest.

    A sequence with ``len``, indices and iteration, none of which lists the whole grid.

    Raises
    ------
    SweepError
        No grid, or not one that can be run.
    """
    sweep = read(config)
    if sweep.method != "grid":
        raise SweepError(f"a sweep by {sweep.method} has no grid")
    return sweep.grid


def n_runs(config, count=None):
    """How many runs a sweep makes: its grid, its ``run_cap`` and ``count``, whichever ends it first.

    ``None`` if nothing ends it: methods other than grid go on until they are stopped.
    """
    if count is not None and (type(count) is not int or count < 1):
        raise SweepError(f"count is {count!r}; give a whole number of at least 1, or leave it out")
    return min(filter(None, (read(config).n_runs, count)), default=None)


def configurations(config):
    """What is worth checking before a sweep starts: the runs of a grid, else the ends of all ranges, combined.

    What lies between the ends is drawn later. Of more than ``MANY`` configurations, so many are taken at random.
    """
    sweep = read(config)
    if sweep.method == "grid":
        points, size = sweep.grid, sweep.n_runs
    else:
        tried = {path: parameter.extremes() for path, parameter in sweep.parameters.items()}
        points = combinations({path: values for path, values in tried.items() if values})
        size = points.size
    draw = random.Random(0)
    chosen = range(size) if size <= MANY else (draw.randrange(size) for _ in range(MANY))
    return [points[index] for index in chosen]
