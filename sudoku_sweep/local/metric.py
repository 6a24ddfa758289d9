"""``metric`` of a sweep configuration: where it is found in a run, and which run did how well by it."""

from itertools import chain
from typing import Literal

from ..values import metric_number
from .validation import Json, Model, Number


class Metric(Model):
    """What judges a sweep. Source: docs.coreweave.com, "Sweep configuration options"; ``impute``: W&B's engine."""

    name: str
    goal: Literal["minimize", "maximize"] = "minimize"
    target: Number = None
    impute: Literal["worst", "best", "latest"] = "worst"
    impute_while_running: Json = None  # for W&B's server: here a run counts when it has ended

    def value(self, row):
        """The metric in a row or a summary; ``val.acc`` also finds ``{"val": {"acc": ...}}``, as in W&B. Else None."""
        if self.name in row:
            return row[self.name]
        for part in self.name.split("."):
            row = row.get(part) if isinstance(row, dict) else None
        return row

    def number(self, row):
        """The finite number that a row or a summary has for the metric, or None."""
        return metric_number(self.value(row), self.goal)

    def values(self, rows):
        """The finite numbers that the metric has in rows, in order."""
        return [value for row in rows if (value := self.number(row)) is not None]

    def score(self, run):
        """What a run is judged by: its summary's number, else the last one that it has logged, else None."""
        values = map(self.number, chain([run.summary], reversed(run.rows)))
        return next((value for value in values if value is not None), None)

    def is_logged(self, run):
        """Whether a run has logged the metric as a number; not-a-number is a bad result, but no wrong name."""
        rows = [*run.rows, run.summary]
        return self.score(run) is not None or any(
            isinstance(self.value(row), float) for row in rows
        )

    def losses(self, run):
        """All values that a run has shown, its summary's first, turned so that less is better."""
        sign = -1 if self.goal == "maximize" else 1
        return [sign * value for value in self.values([run.summary, *run.rows])]

    def objectives(self, runs):
        """How each run did, as W&B's bayes counts it: its best value, turned so that less is better.

        Runs that did not finish, or logged no number, get what ``impute`` says, by default the worst value that any
        run logged.
        """
        losses = [self.losses(run) for run in runs]
        worst = max((max(values) for values in losses if values), default=0.0)

        def objective(state, values):
            if values and (state == "finished" or self.impute == "best"):
                return min(values)
            return values[-1] if values and self.impute == "latest" else worst

        return [objective(run.state, values) for run, values in zip(runs, losses, strict=True)]

    def target_reached(self, runs):
        """Whether a run has logged the target, or better, which ends the sweep."""
        if self.target is None:
            return False
        target = -self.target if self.goal == "maximize" else self.target
        return any(loss <= target for run in runs for loss in self.losses(run))
