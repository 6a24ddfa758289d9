"""Ending a run early, when the sweep's ``early_terminate`` finds it hopeless."""

import time

from . import wandb_file

# How often a run that goes on is compared with the others; and so many times as long as that took, it is left in peace.
CHECK_SECONDS, SPARING = 1, 10


class StoppedEarly(Exception):  # noqa: N818  (no error: the run did what it should)
    """Raised inside ``run.log`` when the sweep's ``early_terminate`` stops a run.

    A plain ``Exception``, because that is what W&B's agent raises in the training function: code that swallows
    one swallows the other.
    """

    def __init__(self, reason=""):
        super().__init__(reason)
        self.reason = reason  # some libraries write their own text into what passes through them


class EarlyStopper:
    """Compares one run of a sweep with the others: at its bands, and now and then, since they go on, too.

    Where the sweep has an ``engine``, that one is asked instead, each time that the run has logged.
    """

    def __init__(self, sweep, run, engine):
        self.sweep, self.run, self.engine, self.n_bands, self.next_check = sweep, run, engine, 0, 0

    def check(self, n_logged=0):
        """Raise ``StoppedEarly`` if the run is to be stopped; called often, it looks at bands, and now and then.

        A function's run has just logged its metric for the ``n_logged``-th time; a program's rows are in wandb's file.
        """
        start = time.monotonic()
        is_at_band = n_logged > 0 if self.engine else self._n_bands(n_logged) > self.n_bands
        if start < self.next_check and not is_at_band:
            return
        if not n_logged and (path := wandb_file.find(self.sweep.folder.parents[2], self.run.id)):
            wandb_file.read_into(self.run, path)
        reason = self.engine.stop_reason(self.run) if self.engine else self._hyperband_reason()
        end = time.monotonic()
        self.next_check = end + max(CHECK_SECONDS, SPARING * (end - start))
        if reason:
            raise StoppedEarly(reason)

    def _n_bands(self, n_logged):
        return len(self.sweep.space.early_terminate.bands(n_logged))

    def _hyperband_reason(self):
        rules, metric = self.sweep.space.early_terminate, self.sweep.space.metric
        mine = metric.values(self.run.rows)
        n_bands = self._n_bands(len(mine))
        if n_bands > self.n_bands:  # the sweep's other agents compare their runs with it
            self.n_bands = n_bands
            self.sweep.save(self.run)
        others = [self.sweep.curve(run) for run in self.sweep.runs() if run.index != self.run.index]
        reason = rules.stop_reason(metric.goal, mine, others)
        return f"{metric.name} {reason}" if reason else None
