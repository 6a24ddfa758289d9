"""Early stopping as W&B's ``early_terminate: {type: hyperband}`` does it.

A run is looked at when it has logged the metric so many times: at its *bands*. It goes on if its best value so
far (with ``strict``: its value at that band) is among the best ``1/eta`` of all runs' values there.
Source: Li et al., "Hyperband", arxiv.org/abs/1603.06560, in the form of W&B's engine; held against it by the tests.
"""

import operator
from itertools import accumulate, repeat, takewhile
from typing import Annotated, Literal

from pydantic import Field, model_validator

from .validation import Model, Number, Whole

Count = Annotated[Whole, Field(ge=1, le=10**9)]  # beyond all use


class Hyperband(Model):
    """The rules that stand under ``early_terminate``."""

    type: Literal["hyperband"]
    min_iter: Count = None
    max_iter: Count = None
    s: Count = None
    eta: Annotated[Number, Field(ge=1.01)] = 3
    strict: bool = True

    @model_validator(mode="after")
    def _has_bands(self):
        # as in W&B's engine, max_iter with s goes before min_iter, and s means nothing beside min_iter
        if not (self.s if self.max_iter else self.min_iter):
            raise ValueError("give min_iter and no max_iter, or max_iter and s")
        if self.max_iter and not self.bands(self.max_iter):
            raise ValueError("max_iter is too small for a band; raise it or lower eta")
        return self

    def bands(self, longest):
        """How often the metric has been logged when a run is looked at: ascending counts, up to ``longest``."""
        if self.max_iter:
            divided = accumulate(repeat(self.eta, self.s), operator.truediv, initial=self.max_iter)
            counts = sorted(map(int, takewhile(lambda count: count >= 1, divided)))[:-1]
        else:
            counts = map(int, accumulate(repeat(self.eta), operator.mul, initial=self.min_iter))
        return list(takewhile(lambda count: count <= longest, counts))

    def stop_reason(self, goal, mine, others):
        """Why a run is to be stopped now; None if it may go on.

        Parameters
        ----------
        goal : str
            ``minimize`` or ``maximize``.
        mine, others : list of float; list of such lists
            The values of the metric that this run, and every other run of the sweep, has logged so far.
        """
        passed = self.bands(len(mine))
        if not passed:
            return None
        sign, band = -1 if goal == "maximize" else 1, passed[-1]
        values = sorted(sign * run[band - 1] for run in [mine, *others] if len(run) >= band)
        threshold = values[int(len(values) / self.eta)]
        value = sign * mine[band - 1] if self.strict else min(sign * score for score in mine)
        if value <= threshold:
            return None
        best = f"{sign * threshold:.4g} or {'above' if sign < 0 else 'below'}"
        return f"after logging it {band} times, {sign * value:.4g}; the best runs were at {best}"
