"""Ending a run early, when the sweep's ``early_terminate`` finds it hopeless."""

import contextlib
import time

import wandb

from . import search
from .store import save
from .validation import is_number

LOOK_SECONDS = 1  # how often a run that goes on is compared with the others, which takes long if there are many


class StoppedEarly(Exception):  # noqa: N818  (no error: the run did what it should)
    """Raised inside ``run.log`` when the sweep's ``early_terminate`` stops a run.

    A plain ``Exception``, because that is what W&B's agent raises in the training function: code that swallows
    one swallows the other.
    """


class EarlyStopper:
    """Compares one run of a sweep with the others: at its bands, and now and then, since they go on, too."""

    def __init__(self, sweep, record):
        self.sweep, self.record, self.n_bands, self.next_look = sweep, record, 0, 0
        self.metric = sweep.plan.metric

    def check(self, rows):
        """Raise ``StoppedEarly`` if a run that has logged these rows so far is to be stopped."""
        rules = self.sweep.plan.early_terminate
        if len(rules.bands(len(rows))) == self.n_bands and time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_SECONDS
        mine = search.logged(self.metric.name, rows)
        n_bands = len(rules.bands(len(mine)))
        if n_bands > self.n_bands:  # the sweep's other agents compare their runs with it
            self.n_bands = n_bands
            save(self.sweep.folder, self.record | {"rows": list(rows)})
        others = self.sweep.records(besides=self.record["index"])
        curves = [search.logged(self.metric.name, other["rows"]) for other in others]
        if reason := rules.stop_reason(self.metric.goal, mine, curves):
            raise StoppedEarly(f"{self.metric.name} {reason}")


@contextlib.contextmanager
def watching(run_id, stopper, printed):
    """While a function trains: let ``stopper``, unless it is None, look at each ``log`` of the run of this id.

    To the list ``printed`` are added the errors that ``with wandb.init()`` has printed. A stop is no error: it is
    not printed, and its run ends with exit code 0.
    """
    rows = {}
    real_log, real_exit = wandb.Run.log, wandb.Run.__exit__

    def log(run, data, step=None, commit=None):
        now, value = run.step, search.value(stopper.metric.name, data)
        real_log(run, data, step, commit)
        if getattr(value, "ndim", None) == 0:  # a number of numpy's or torch's
            value = value.item()
        at = now if step is None else step
        if run.id == run_id and is_number(value) and at >= now:  # wandb drops steps that are over
            rows[at] = {"_step": at, stopper.metric.name: value}
            stopper.check(rows.values())

    def leave(run, error_type, error, trace):
        if isinstance(error, StoppedEarly):
            return real_exit(run, None, None, None)
        printed.append(error)
        return real_exit(run, error_type, error, trace)

    wandb.Run.__exit__ = leave
    if stopper:
        wandb.Run.log = log
    try:
        yield
    finally:
        wandb.Run.log, wandb.Run.__exit__ = real_log, real_exit
