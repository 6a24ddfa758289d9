"""Early stopping as W&B's ``early_terminate: {type: hyperband}`` does it.

A run is looked at when it has logged the metric so many times: at its *bands*. It goes on if its best value so
far (with ``strict``: its value at that band) is among the best ``1/eta`` of all runs' values there.
Source: Li et al., "Hyperband", arxiv.org/abs/1603.06560, in the form of W&B's engine; held against it by the tests.
"""

import itertools
import operator
from typing import Annotated, Literal

from annotated_types import Ge, Interval
from pydantic import model_validator

from .validation import Model, Number, validated

Count = Annotated[int, Interval(ge=1, le=10**9)]  # beyond all use, and within all memory


class Hyperband(Model):
    """The rules that stand under ``early_terminate``."""

    example = ". Write {'type': 'hyperband', 'min_iter': 3}, or leave early_terminate out"

    type: Literal["hyperband"]
    min_iter: Count = None
    max_iter: Count = None
    s: Annotated[int, Interval(ge=1, le=100)] = None
    eta: Annotated[Number, Ge(1.1)] = 3
    strict: bool = True

    @model_validator(mode="after")
    def _has_bands(self):
        given = {"min_iter", "max_iter", "s"} & self.model_fields_set
        if given not in ({"min_iter"}, {"max_iter", "s"}):
            raise ValueError("give either min_iter, or both max_iter and s")
        if self.max_iter and not _bands(self, self.max_iter):
            raise ValueError("max_iter is too small for a band; raise it or lower eta")
        return self


def read(rules):
    """A sweep's ``early_terminate`` as a ``Hyperband``; a ``SweepError`` if it describes none."""
    return validated(Hyperband, rules, "early_terminate")


def bands(rules, longest):
    """How often the metric has been logged when a run is looked at: ascending counts, up to ``longest``."""
    return _bands(read(rules), longest)


def _bands(rules, longest):
    if rules.max_iter:
        divided = itertools.accumulate([rules.max_iter, *[rules.eta] * rules.s], operator.truediv)
        counts = sorted(int(count) for count in list(divided)[1:] if count >= 1)
    else:
        eta = itertools.repeat(rules.eta)
        counts = map(int, itertools.accumulate(eta, operator.mul, initial=rules.min_iter))
    return list(itertools.takewhile(lambda count: count <= longest, counts))


def stop_reason(rules, goal, mine, others):
    """Why a run is to be stopped now; None if it may go on.

    Parameters
    ----------
    rules : dict
        The sweep's ``early_terminate``.
    goal : str
        ``minimize`` or ``maximize``.
    mine, others : list of float; list of such lists
        The values of the metric that this run, and every other run of the sweep, has logged so far.
    """
    rules = read(rules)
    passed = _bands(rules, len(mine))
    if not passed:
        return None
    sign, band = -1 if goal == "maximize" else 1, passed[-1]
    values = sorted(sign * history[band - 1] for history in [mine, *others] if len(history) >= band)
    threshold = values[int(len(values) / rules.eta)]
    value = sign * mine[band - 1] if rules.strict else min(sign * score for score in mine)
    if value <= threshold:
        return None
    best = f"{sign * threshold:.4g} or {'above' if sign < 0 else 'below'}"
    return f"after logging it {band} times, {sign * value:.4g}; the best runs were at {best}"
