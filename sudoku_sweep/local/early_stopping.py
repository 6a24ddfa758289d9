"""Ending a run early, when the sweep's ``early_terminate`` finds it hopeless."""

import time

CHECK_SECONDS = 1  # how often a run that goes on is compared with the others, which takes long if there are many


class StoppedEarly(Exception):  # noqa: N818  (no error: the run did what it should)
    """Raised inside ``run.log`` when the sweep's ``early_terminate`` stops a run.

    A plain ``Exception``, because that is what W&B's agent raises in the training function: code that swallows
    one swallows the other.
    """


class EarlyStopper:
    """Compares one run of a sweep with the others: at its bands, and now and then, since they go on, too."""

    def __init__(self, sweep, run, engine=None):
        self.sweep, self.run, self.n_bands, self.next_check = sweep, run, 0, 0
        self.engine = engine

    def check(self):
        """Raise ``StoppedEarly`` if the run is to be stopped, going by the ``rows`` that it has so far."""
        if self.engine:
            if reason := self.engine.stop_reason(self.run):
                raise StoppedEarly(reason)
            return
        rules, metric = self.sweep.space.early_terminate, self.sweep.space.metric
        rows = self.run.rows
        if len(rules.bands(len(rows))) == self.n_bands and time.monotonic() < self.next_check:
            return
        self.next_check = time.monotonic() + CHECK_SECONDS
        mine = metric.values(rows)
        n_bands = len(rules.bands(len(mine)))
        if n_bands > self.n_bands:  # the sweep's other agents compare their runs with it
            self.n_bands = n_bands
            self.sweep.save(self.run)
        others = [run.rows for run in self.sweep.runs() if run.index != self.run.index]
        if reason := rules.stop_reason(metric.goal, mine, list(map(metric.values, others))):
            raise StoppedEarly(f"{metric.name} {reason}")
