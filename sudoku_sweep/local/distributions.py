"""What one entry of a sweep's ``parameters`` means: the distributions of W&B's sweep configurations.

Source: docs.coreweave.com, "Sweep configuration options"; held against W&B's own engine by the tests.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from numbers import Integral
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..values import as_json, is_number
from .validation import Json, Model, Number, whole

TINY = 1e-12  # instead of quantile 0, which is minus infinity for a normal distribution
LARGEST_EXPONENT = 700  # of e: from 710 on W&B's engine draws infinity, which no training can use


def _uniform(p, u):
    return p.min + u * (p.max - p.min)


def _log_uniform_values(p, u):
    low, high = math.log(p.min), math.log(p.max)
    return math.exp(low + u * (high - low))


def _normal(p, u):
    return p.mu + p.sigma * NormalDist().inv_cdf(max(u, TINY))


def _beta(p, u):
    from scipy import special  # only here: takes 0.1 s to import, scipy.stats 0.5 s

    return float(special.betaincinv(p.a, p.b, max(u, TINY)))


ENDS = ("min", "max")
DISTRIBUTIONS = {  # which arguments each takes, and the quantile function of a continuous one
    "constant": (("value",), None),
    "categorical": (("values",), None),
    "categorical_w_probabilities": (("values", "probabilities"), None),
    "int_uniform": (ENDS, None),
    "uniform": (ENDS, _uniform),
    "log_uniform": (ENDS, lambda p, u: math.exp(_uniform(p, u))),
    "log_uniform_values": (ENDS, _log_uniform_values),
    "inv_log_uniform": (ENDS, lambda p, u: math.exp(-_uniform(p, 1 - u))),
    "inv_log_uniform_values": (ENDS, _log_uniform_values),  # as W&B's engine has it
    "normal": (("mu", "sigma"), _normal),
    "log_normal": (("mu", "sigma"), lambda p, u: math.exp(min(_normal(p, u), LARGEST_EXPONENT))),
    "beta": (("a", "b"), _beta),
}
for _kind in ("uniform", "log_uniform", "log_uniform_values", "normal", "log_normal", "beta"):
    _takes, _quantile = DISTRIBUTIONS[_kind]
    DISTRIBUTIONS[f"q_{_kind}"] = ((*_takes, "q"), _quantile)  # rounded to multiples of q


Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]


class Parameter(Model):
    """One parameter: where its values come from. Or, with ``parameters``, several that are nested in it."""

    distribution: Literal[*DISTRIBUTIONS] = None
    value: Json = None
    values: list[Json] = Field(None, min_length=1, strict=False)  # a tuple will do
    probabilities: list[NotNegative] = None
    min: Number = None
    max: Number = None
    mu: Number = 0.0
    sigma: NotNegative = 1.0
    a: Positive = 1
    b: Positive = 1
    q: Positive = 1.0
    parameters: dict[str, Parameter] = Field(None, min_length=1)

    @model_validator(mode="after")
    def _means_something(self):
        given = self.model_fields_set - {"distribution"}
        if self.parameters:
            if len(self.model_fields_set) > 1:
                raise ValueError("leave out what stands beside 'parameters'")
            return self
        kind = self.distribution = self.distribution or self._implied(given)
        takes, _ = DISTRIBUTIONS[kind]
        needed = {name for name in takes if type(self).model_fields[name].default is None}
        if not needed <= given <= set(takes):
            raise ValueError(f"{kind} takes {', '.join(takes)}, not {', '.join(sorted(given))}")
        self._check_values()
        return self

    def _implied(self, given):
        if "value" in given:
            return "constant"
        if "values" in given:
            return "categorical_w_probabilities" if "probabilities" in given else "categorical"
        if not {"min", "max"} <= given:
            raise ValueError("give 'value', 'values', or both 'min' and 'max'")
        are_whole = isinstance(self.min, Integral) and isinstance(self.max, Integral)
        return "int_uniform" if are_whole else "uniform"

    def _check_values(self):
        kind = self.distribution
        if self.min is not None and self.min >= self.max:
            raise ValueError(f"min {self.min} is not below max {self.max}")
        if kind == "int_uniform" and any(end != int(end) for end in (self.min, self.max)):
            raise ValueError(f"int_uniform takes whole numbers, not {self.min} and {self.max}")
        if self.probabilities is not None:
            one_each, total = len(self.probabilities) == len(self.values), sum(self.probabilities)
            if not one_each or not math.isclose(total, 1, rel_tol=1e-5):
                raise ValueError("give one probability per value; together they are 1")
        try:
            self.quantile(1 - 2**-53)
        except (ValueError, OverflowError):
            advice = "log_uniform takes natural logarithms, log_uniform_values numbers above 0"
            raise ValueError(f"{kind} has no finite values here ({advice})") from None

    @property
    def listed(self):
        """All values in order, as a sequence; None for a continuous distribution."""
        if self.distribution == "constant":
            return [self.value]
        if self.distribution == "int_uniform":
            return range(int(self.min), int(self.max) + 1)
        return self.values

    def quantile(self, u):
        """The value at quantile ``u`` in [0, 1)."""
        if self.listed is not None:
            return self.listed[self._bucket(u)]
        _, quantile = DISTRIBUTIONS[self.distribution]
        value = quantile(self, u)
        return round(value / self.q) * self.q if self.distribution.startswith("q_") else value

    def bucket_centre(self, u):
        """The middle of all quantiles that give the same value as ``u``; ``u`` itself where values are continuous."""
        return u if self.listed is None else self._centre(self._bucket(u))

    def quantile_of(self, value):
        """A quantile that gives a value, the middle one of a listed value; None if the parameter never has it."""
        if isinstance(self.listed, list):
            texts, text = [as_json(whole(one)) for one in self.listed], as_json(whole(value))
            return self._centre(texts.index(text)) if text in texts else None
        if not is_number(value):
            return None
        steps = 2**53
        at = bisect.bisect_left(range(steps), value, key=lambda step: self.quantile(step / steps))
        u = min(at / steps, 1 - 1 / steps)
        is_it = math.isclose(self.quantile(u), value, rel_tol=1e-9, abs_tol=1e-12)
        return self.bucket_centre(u) if is_it else None

    def _bucket(self, u):
        """Which of the listed values has quantile ``u``."""
        if self.probabilities is None:
            return max(math.ceil(u * len(self.listed)) - 1, 0)
        # the sum may fall short of 1 by rounding
        ends = list(itertools.accumulate(self.probabilities))
        return min(bisect.bisect(ends, u), len(ends) - 1)

    def _centre(self, at):
        """The middle of all quantiles that give the listed value ``at``."""
        if self.probabilities is None:
            return (at + 0.5) / len(self.listed)
        return float(sum(self.probabilities[:at]) + self.probabilities[at] / 2)

    def choices(self):
        """The values in a grid, each once, in order: a sequence. None for what a grid cannot list, as in W&B's."""
        if self.distribution == "categorical":
            return list({as_json(whole(value)): value for value in self.values}.values())
        if self.distribution == "q_uniform":  # without the upper end
            step = (self.min + self.q) - self.min  # what np.arange gives, number by number
            size = math.ceil((self.max - self.min) / self.q)
            return LazySequence(size, lambda index: self.min + index * step)
        return self.listed if self.probabilities is None else None

    def extremes(self):
        """Values between which, or among which, all others are; none where there are no ends."""
        if self.min is not None:
            return [self.quantile(0), self.quantile(1)]
        return self.listed or []


class LazySequence(Sequence):
    """``size`` items, each made by ``item(index)`` when it is asked for. ``len`` cannot say any size."""

    def __init__(self, size, item):
        self.size, self._item = size, item

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        chosen = range(self.size)[index]
        return list(map(self._item, chosen)) if isinstance(chosen, range) else self._item(chosen)
