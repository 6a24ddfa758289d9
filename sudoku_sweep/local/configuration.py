"""What a sweep configuration holds: its parameters, nested or not, its grid, and how many runs it makes."""

import math
import random
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from ..errors import SweepError
from .distributions import LazySequence, Parameter
from .hyperband import Hyperband
from .validation import Json, Model, Number, Whole, as_json

MANY = 100_000  # configurations that are checked before a sweep starts
NUMBER_AS_TEXT = re.compile(r'"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+"')  # in JSON
LARGE_EXPONENT = 25  # of e, which gives 7e10: whoever writes more means a value


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


def holds(config, point):
    """Whether a run's configuration has all that a point of its sweep gave it; a dict inside may have more, too."""
    if isinstance(config, dict) and isinstance(point, dict):
        return all(name in config and holds(config[name], point[name]) for name in point)
    return config == point or as_json(config) == as_json(point)  # not-a-number equals nothing


class Metric(Model):
    """What a sweep is judged by. Source: docs.wandb.ai, "Sweep configuration options"; ``impute``: W&B's engine."""

    name: str
    goal: Literal["minimize", "maximize"] = "minimize"
    target: Number = None
    impute: Literal["worst", "best", "latest"] = "worst"
    impute_while_running: Json = None  # for W&B's server: here a run counts when it has ended


def _unmixed(parameter):
    if parameter._is_mixed:
        ends = f"min {parameter.min} and max {parameter.max}"
        raise ValueError(f"{ends}; write both with a point (0.0, 1.0), or both without")
    return parameter


TopLevel = Annotated[Parameter, AfterValidator(_unmixed)]  # W&B takes such ends only in nested ones


def _list_alone(command):
    """W&B's agent passes over a command that is no list, and takes its usual one."""
    return command if isinstance(command, list) else None


class SweepConfiguration(Model):
    """W&B's sweep configuration, as far as it means something here. Source: docs.wandb.ai, the same page.

    ``parameters`` are flat: ``{path: Parameter}``.
    """

    method: Literal["grid", "random", "bayes"]
    parameters: Annotated[dict[str, TopLevel], Field(min_length=1), AfterValidator(flatten)]
    metric: Metric = None
    run_cap: Whole = Field(None, ge=1)
    early_terminate: Hyperband = None
    name: str | None = ""
    description: str | None = ""
    project: str = "uncategorized"
    entity: Json = None  # this and the rest: for `wandb sweep`
    program: Json = None
    command: Annotated[list[Json] | None, BeforeValidator(_list_alone)] = None
    controller: dict[Literal["type"], Literal["local", "cloud"]] = None
    apiVersion: Json = None  # noqa: N815  (W&B's name)
    kind: Json = None

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


def remarks(sweep):
    """Yield a line on what is taken as it is written, as W&B does, though something else may be meant."""
    named = [(".".join(path), one) for path, one in sweep.parameters.items()]
    texts = {name: NUMBER_AS_TEXT.search(as_json(one.values or one.value)) for name, one in named}
    if any(texts.values()):
        listed = ", ".join(f"{name} {found.group()}" for name, found in texts.items() if found)
        advice = "for a number write 1.0e-5 in YAML, 1e-5 without quotes in Python"
        yield f"runs get text, not a number, for {listed}; {advice}"
    for name, one in named:
        exponents = one.distribution.endswith("log_uniform") and one.min >= 0
        if exponents and (one.max <= 1 or one.max > LARGE_EXPONENT or 0 < one.min < 0.1):
            what = f"{name} goes from {one.quantile(0):.4g} to {one.quantile(1):.4g}"
            advice = f"for {one.min:g} to {one.max:g} write {one.distribution}_values"
            yield f"{what}, for its min and max are exponents of e; {advice}"


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
