"""A sweep configuration, understood once: ``read_config`` makes a ``SweepConfig`` of the dict that the user wrote."""

import math
import random
import re
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ..errors import WRITE_NUMBERS, SweepError, field_reason
from ..values import as_json, flatten, nest
from .distributions import LazySequence, Parameter
from .hyperband import Hyperband
from .metric import Metric
from .validation import Json, Model, Whole

MANY = 100_000  # configurations that are checked before a sweep starts
NUMBER_AS_TEXT = re.compile(r'"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+"')  # in JSON
LARGE_EXPONENT = 25  # of e, which gives 7e10: whoever writes more means a value


def product(values):
    """All combinations of ``{path: sequence}`` as configurations, the last value changing fastest; none is listed."""

    def combination(index):
        chosen = {}
        for path, sequence in reversed(values.items()):
            index, at = divmod(index, len(sequence))
            chosen[path] = sequence[at]
        return nest(dict(reversed(chosen.items())))

    return LazySequence(math.prod(map(len, values.values())), combination)


def _flat(parameters):
    """``{path: Parameter}``, in W&B's order: names sorted, nested ones inside. A path is a tuple of names."""
    flat = flatten(parameters, inside=lambda parameter: parameter.parameters)
    return dict(sorted(flat.items()))


class Scheduler(Model):
    """Which engine searches; functions in the Python file ``source`` set it up. Source: see ``engines``."""

    engine: Literal["wandb", "optuna", "ax"]
    source: str = None
    optimizer: str = None
    search_space: str = None


class SweepConfig(Model):
    """W&B's sweep configuration, as far as it means something here.

    Source: docs.coreweave.com, "Sweep configuration options".
    ``parameters`` are flat: ``{path: Parameter}``, where a path is a tuple of names, sorted as W&B does it.
    """

    method: Literal["grid", "random", "bayes", "custom"]
    parameters: Annotated[dict[str, Parameter], AfterValidator(_flat)] = Field({})
    metric: Metric = None
    metrics: Annotated[list[Metric], Field(min_length=1)] = None
    scheduler: Scheduler = None
    run_cap: Whole = Field(None, ge=1)
    early_terminate: Hyperband = None
    name: str | None = ""
    description: str | None = ""
    project: str = "uncategorized"
    entity: Json = None  # this and the rest: for `wandb sweep`
    program: Json = None
    command: list[Json] | None = None
    controller: dict[Literal["type"], Literal["local", "cloud"]] = None
    apiVersion: Json = None  # noqa: N815  (W&B's name)
    kind: Json = None
    # not W&B's, but what ``repeat`` makes: what is tried instead of all combinations, and what is called the seed
    configurations: list[dict] = None
    repeats: str = None

    @model_validator(mode="after")
    def _fits_together(self):
        if self.engine:
            return self._fits_engine()
        if self.metrics or self.method == "custom":
            what = "several metrics need" if self.metrics else "method custom needs"
            raise ValueError(f"{what} method: custom and scheduler: {{engine: optuna}}, or ax")
        if not self.parameters:
            raise ValueError("give parameters, at least one")
        if not self.metric and (self.method == "bayes" or self.early_terminate):
            what = "early_terminate" if self.early_terminate else "method bayes"
            raise ValueError(f"{what} needs a metric, such as {{name: loss, goal: minimize}}")
        if self.method == "bayes" and not self.searched:
            raise ValueError("method bayes has nothing to search: every parameter is fixed")
        endless = [".".join(path) for path, one in self.parameters.items() if one.choices() is None]
        if self.method == "grid" and endless:
            raise ValueError(f"a grid needs 'values' for {endless[0]}; or use method: random")
        return self

    def _fits_engine(self):
        engine = self.engine
        if self.method != "custom":
            raise ValueError(f"engine {engine} needs method: custom")
        if self.early_terminate:
            raise ValueError(f"leave early_terminate out: engine {engine} stops runs by its pruner")
        if bool(self.metric) == bool(self.metrics):
            raise ValueError(f"engine {engine} needs a metric, or metrics, and not both")
        if not self.parameters and not (engine == "optuna" and self.scheduler.search_space):
            raise ValueError("give parameters, at least one, or for optuna scheduler.search_space")
        return self

    @property
    def engine(self):
        """``optuna`` or ``ax``; None where ``method`` decides."""
        named = self.scheduler and self.scheduler.engine
        return None if named == "wandb" else named

    @property
    def objectives(self):
        """The metrics that the sweep is judged by, as a list."""
        return self.metrics or ([self.metric] if self.metric else [])

    def numbers(self, row):
        """Those of its metrics that a row or a summary has a finite number for, as ``{name: number}``."""
        values = {metric.name: metric.number(row) for metric in self.objectives}
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def searched(self):
        """The parameters that have more than one fixed value, as ``{path: Parameter}``."""
        entries = self.parameters.items()
        return {path: one for path, one in entries if one.distribution != "constant"}

    @cached_property
    def grid(self):
        """Every configuration of a grid, in W&B's order; a sequence that lists none of them."""
        if self.configurations:
            return LazySequence(len(self.configurations), self.configurations.__getitem__)
        return product({path: one.choices() for path, one in self.parameters.items()})

    @property
    def n_runs(self):
        """Where the sweep ends by itself; None if it goes on until it is stopped."""
        limits = [self.grid.size if self.method == "grid" else None, self.run_cap]
        return min(filter(None, limits), default=None)


def read_config(config):
    """A sweep configuration, understood, as a ``SweepConfig``; one that is understood already stays as it is.

    Raises
    ------
    SweepError
        It cannot be run here; says where in it, what stands there, and what is wrong with it.
    """
    if isinstance(config, SweepConfig):
        return config
    try:
        return SweepConfig.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "a sweep configuration"
    given = "" if isinstance(first["input"], dict) else f" is {first['input']!r}"
    raise SweepError(f"{where}{given}: {field_reason(first)}")


def warnings(space):
    """Yield a line on what is taken as it is written, as W&B does, though something else may be meant."""
    for path, one in space.parameters.items():
        name = ".".join(path)
        if found := NUMBER_AS_TEXT.search(as_json(one.values or one.value)):
            text = f"{name} {found.group()}"
            yield f"runs get text, not a number, for {text}; for a number, {WRITE_NUMBERS}"
        exponents = one.distribution.endswith("log_uniform") and one.min >= 0
        if exponents and (one.max <= 1 or one.max > LARGE_EXPONENT or 0 < one.min < 0.1):
            what = f"{name} goes from {one.quantile(0):.4g} to {one.quantile(1):.4g}"
            advice = f"for {one.min:g} to {one.max:g} write {one.distribution}_values"
            yield f"{what}, for its min and max are exponents of e; {advice}"


def names_program(config):
    """Whether a sweep configuration says what is to be run: a ``program``, or a ``command`` that needs none."""
    space = read_config(config)
    return bool(space.program) or bool(space.command and "${program}" not in space.command)


def grid(config):
    """Every configuration of a grid sweep, in W&B's order: names sorted, the last one changing fastest.

    A sequence with ``len``, indices and iteration, none of which lists the whole grid.

    Raises
    ------
    SweepError
        No grid, or not one that can be run.
    """
    space = read_config(config)
    if space.method != "grid":
        raise SweepError(f"a sweep by {space.method} has no grid")
    return space.grid


def n_runs(config, count=None):
    """How many runs a sweep makes: its grid, its ``run_cap`` and ``count``, whichever ends it first.

    ``None`` if nothing ends it: methods other than grid go on until they are stopped.
    """
    if count is not None and (type(count) is not int or count < 1):
        raise SweepError(f"count is {count!r}; give a whole number of at least 1, or leave it out")
    return min(filter(None, (read_config(config).n_runs, count)), default=None)


def configurations(config):
    """What is worth checking before a sweep starts: the runs of a grid, else the ends of all ranges, combined.

    What lies between the ends is drawn later. Of more than ``MANY`` configurations, so many are taken at random.
    """
    space = read_config(config)
    if space.method == "grid":
        candidates, size = space.grid, space.n_runs
    else:
        ends = {path: parameter.extremes() for path, parameter in space.parameters.items()}
        candidates = product({path: values for path, values in ends.items() if values})
        size = candidates.size
    draw = random.Random(0)
    chosen = range(size) if size <= MANY else (draw.randrange(size) for _ in range(MANY))
    return [candidates[index] for index in chosen]
