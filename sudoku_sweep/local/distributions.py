"""What one entry of a sweep's ``parameters`` means: the distributions of W&B's sweep configurations.

Source: docs.wandb.ai, "Sweep configuration options"; held against W&B's own engine by the tests.
"""

import math
import re
from collections.abc import Sequence
from numbers import Integral
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from pydantic import AfterValidator, PlainValidator, model_validator

from .errors import SweepError
from .validation import Model, Number, is_number, validated

TINY = 1e-12  # instead of quantile 0, which is minus infinity for a normal distribution
NUMBER_AS_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


def read(name, entry):
    """The ``Distribution`` that an entry of ``parameters`` names or implies, with W&B's defaults filled in.

    Raises
    ------
    SweepError
        Naming the parameter, and saying what to write instead.
    """
    here = f"parameter {name}"
    kind = entry.get("distribution") or _implied(here, entry)
    if not isinstance(kind, str) or kind not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise SweepError(f"{here}: no distribution {kind!r}; there are {known}")
    arguments = {key: value for key, value in entry.items() if key != "distribution"}
    distribution = validated(DISTRIBUTIONS[kind], arguments, f"{here}: {kind}")
    try:
        distribution.quantile(1 - 2**-53)
    except OverflowError:
        as_logarithms = f"{kind}_values" in DISTRIBUTIONS
        advice = f"natural logarithms, or {kind}_values" if as_logarithms else "smaller numbers"
        raise SweepError(f"{here}: {kind} reaches beyond all numbers; give {advice}") from None
    return distribution


def _implied(here, entry):
    if "value" in entry:
        return "constant"
    if "values" in entry:
        return "categorical_w_probabilities" if "probabilities" in entry else "categorical"
    if "min" not in entry or "max" not in entry:
        raise SweepError(f"{here}: give 'value', 'values', or both 'min' and 'max'")
    whole = [isinstance(entry[end], Integral) for end in ("min", "max")]
    if any(whole) and not all(whole) and is_number(entry["min"]) and is_number(entry["max"]):
        ends = f"min {entry['min']} and max {entry['max']}"
        raise SweepError(f"{here}: {ends}; write both with a point (0.0, 1.0), or both without")
    return "int_uniform" if all(whole) else "uniform"


def as_wandb_compares(value):
    """W&B takes 3 and 3.0 for the same value of a grid."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(value):
    if isinstance(value, str) and NUMBER_AS_TEXT.fullmatch(value):
        raise ValueError(f"{value!r} is text, not a number; in YAML, write a point, as in 1.0e-5")
    return value


def _values(values):
    if not isinstance(values, list | tuple) or not values:
        raise ValueError("give a list of at least one value")
    return [_value(value) for value in values]


def _whole(number):
    if number != int(number):
        raise ValueError("give a whole number")
    return number


Value = Annotated[Any, PlainValidator(_value)]
Values = Annotated[Any, PlainValidator(_values)]
Whole = Annotated[Number, AfterValidator(_whole)]
Positive = Annotated[Number, Gt(0)]
NotNegative = Annotated[Number, Ge(0)]


class Distribution(Model):
    """One parameter: where its values come from. ``quantile(u)`` is the value at quantile ``u`` in [0, 1)."""

    def bucket_centre(self, u):
        """The middle of all quantiles that give the same value as ``u``; ``u`` itself where values are continuous."""
        return u

    def choices(self):
        """The values in a grid, each once, in order: a sequence. ``ValueError`` for what a grid cannot list."""
        raise ValueError("a grid needs 'values', whole numbers or steps; or use method: random")

    def extremes(self):
        """Values between which, or among which, all others are; none where there are no ends."""
        return []


class Listed(Distribution):
    """Those of ``values``, a sequence, each as likely as any other."""

    def quantile(self, u):
        return self.values[_nth(u, len(self.values))]

    def bucket_centre(self, u):
        return (_nth(u, len(self.values)) + 0.5) / len(self.values)

    def choices(self):
        return self.values

    def extremes(self):
        return self.values


class Constant(Listed):
    """One value."""

    value: Value

    @property
    def values(self):
        return [self.value]


class Categorical(Listed):
    """Values that were written down."""

    values: Values

    def choices(self):
        return list({repr(as_wandb_compares(value)): value for value in self.values}.values())


class CategoricalWithProbabilities(Listed):
    """The same, some more likely than others."""

    values: Values
    probabilities: list[NotNegative]
    choices = Distribution.choices  # none, as in W&B's engine

    @model_validator(mode="after")
    def _one_each(self):
        total = math.fsum(self.probabilities)
        if len(self.probabilities) != len(self.values):
            raise ValueError("give one probability per value")
        if not math.isclose(total, 1, rel_tol=1e-5):
            raise ValueError(f"the probabilities add up to {total:.6g}, not to 1")
        return self

    def quantile(self, u):
        return self.values[self._bucket(u)]

    def bucket_centre(self, u):
        at, edges = self._bucket(u), np.cumsum([0, *self.probabilities])
        return float(edges[at] + edges[at + 1]) / 2

    def _bucket(self, u):
        at = int(np.searchsorted(np.cumsum(self.probabilities), u, "right"))
        return min(at, len(self.values) - 1)  # the sum may fall short of 1 by rounding


class Uniform(Distribution):
    """Numbers between two ends."""

    min: Number
    max: Number

    @model_validator(mode="after")
    def _in_order(self):
        if self.min >= self.max:
            raise ValueError(f"min {self.min} is not below max {self.max}")
        return self

    def quantile(self, u):
        return self.min + u * (self.max - self.min)

    def extremes(self):
        return [self.quantile(0), self.quantile(1)]


class IntUniform(Listed, Uniform):
    """Whole numbers, both ends included."""

    min: Whole
    max: Whole
    extremes = Uniform.extremes

    @property
    def values(self):
        return range(int(self.min), int(self.max) + 1)


class LogUniform(Uniform):
    """Numbers whose natural logarithms are uniform between the ends."""

    def quantile(self, u):
        return math.exp(super().quantile(u))


class InvLogUniform(Uniform):
    """The same, with the ends negative and swapped."""

    def quantile(self, u):
        return math.exp(-super().quantile(1 - u))


class LogUniformValues(Uniform):
    """Numbers between two ends, whose logarithms are uniform."""

    min: Positive

    def quantile(self, u):
        low, high = math.log(self.min), math.log(self.max)
        return math.exp(low + u * (high - low))


class Normal(Distribution):
    """Numbers around ``mu``, with the standard deviation ``sigma``."""

    mu: Number = 0.0
    sigma: NotNegative = 1.0

    def quantile(self, u):
        from scipy import special  # only here: takes 0.1 s to import, scipy.stats 0.5 s

        return self.mu + self.sigma * float(special.ndtri(max(u, TINY)))


class LogNormal(Normal):
    """Numbers whose natural logarithms are normal."""

    def quantile(self, u):
        return math.exp(super().quantile(u))


class Beta(Distribution):
    """Numbers between 0 and 1."""

    a: Positive = 1
    b: Positive = 1

    def quantile(self, u):
        from scipy import special

        return float(special.betaincinv(self.a, self.b, max(u, TINY)))


class Quantized(Model):
    """Mixed into a distribution: its values, rounded to multiples of ``q``."""

    q: Positive = 1.0

    def quantile(self, u):
        return round(super().quantile(u) / self.q) * self.q


class QUniform(Quantized, Uniform):
    """In a grid: steps of ``q`` from the lower end, without the upper one, as W&B has it."""

    def choices(self):
        return Steps(self.min, self.q, math.ceil((self.max - self.min) / self.q))


class Steps(Sequence):
    """What ``np.arange`` gives, number by number."""

    def __init__(self, start, step, size):
        self.start, self.step, self.size = start, (start + step) - start, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.start + range(self.size)[index] * self.step


DISTRIBUTIONS = {
    "constant": Constant,
    "categorical": Categorical,
    "categorical_w_probabilities": CategoricalWithProbabilities,
    "int_uniform": IntUniform,
    "uniform": Uniform,
    "log_uniform": LogUniform,
    "log_uniform_values": LogUniformValues,
    "inv_log_uniform": InvLogUniform,
    "inv_log_uniform_values": LogUniformValues,  # the same distribution, as W&B's engine has it
    "normal": Normal,
    "log_normal": LogNormal,
    "beta": Beta,
    "q_uniform": QUniform,
}
for _kind in ("log_uniform", "log_uniform_values", "normal", "log_normal", "beta"):
    DISTRIBUTIONS[f"q_{_kind}"] = type(f"q_{_kind}", (Quantized, DISTRIBUTIONS[_kind]), {})


def _nth(u, size):
    """Which of ``size`` equal parts of (0, 1] holds ``u``."""
    return max(math.ceil(u * size) - 1, 0)
