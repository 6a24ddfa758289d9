"""``metric`` of a sweep configuration: where it is found in a run, and which run did how well by it."""

from typing import Literal

from ..values import is_number
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

    def values(self, rows):
        """The finite numbers that the metric has in rows, in order."""
        return list(filter(is_number, map(self.value, rows)))

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
        target = -self.target if self.goal == "maximize" else self.target
        return any(loss <= target for run in runs for loss in self.losses(run))
