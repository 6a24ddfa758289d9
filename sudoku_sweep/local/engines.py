"""Sweeps whose ``scheduler`` names Optuna or Ax: wandb's own classes ask these what to try, and when to stop.

Source: docs.coreweave.com/products/wandb/sweeps/configure-engine. With an account, ``wandb sweep-scheduler`` drives the
same classes.
"""

import time
from collections import Counter

import wandb

from ..errors import SweepError, in_words
from . import wandb_internals
from .run import DONE

WAIT_SECONDS = 1  # between two questions to an engine that wants results of runs first


class Engine:
    """The search of one sweep as one agent knows it. It is told of all runs, also of those that others make.

    ``propose`` gives what the next run tries, ``stop_reason`` why a run is to end.
    """

    def __init__(self, sweep):
        self.sweep = sweep
        try:
            self.optimizer = wandb_internals.optimizer(sweep)
        except Exception as error:  # the reader's own file is executed
            said = str(error) if isinstance(error, wandb.Error) else in_words(error)
            raise SweepError(f"scheduler: {said}") from error
        self.ids = {}  # {index of a run: what the optimizer calls it}
        self.taken = []  # what runs try that this optimizer has not proposed
        self.over = set()  # indices of runs whose end it has been told
        self.n_rows = Counter()  # {index of a run: how many of its rows it has been told}

    def propose(self, index):
        """The values that run ``index`` tries, as ``{name: value}``; None if the engine has come to its end."""
        self._hear()
        if self.optimizer.should_terminate_sweep():
            return None
        # A sampler with a seed proposes the same first points in each process.
        for _ in range(len(self.taken) + 1):
            suggested = self._ask()
            if not suggested:
                return None
            values = suggested[0].config.flat_dict()
            if values not in self.taken:
                break
            self.optimizer.forget_run(suggested[0].run_id)
        self.ids[index] = suggested[0].run_id
        return values

    def _ask(self):
        while (suggested := self.optimizer.ask_n_runs(1)) is None:
            if self.over >= self.ids.keys():
                raise SweepError(f"the engine of sweep {self.sweep.id} waits for runs, and none is")
            time.sleep(WAIT_SECONDS)
            self._hear()
        return suggested

    def _hear(self):
        """Tell the optimizer which runs there are, and how those went that have ended."""
        for run in self.sweep.runs():
            if run.index not in self.ids:
                self.taken.append(run.params)
                known = wandb_internals.run_for_optimizer(run, "running", {}, [])
                self.ids[run.index] = self.optimizer.tell_existing_active_run(known)
            if run.state in DONE and run.index not in self.over:
                self.over.add(run.index)
                if run.state != "stopped" or not self.stop_reason(run):
                    self._tell(run, run.state)

    def stop_reason(self, run):
        """Why a run is to be stopped, by the rows that it has so far; None if it may go on."""
        known = self._tell(run, "running")
        if known and self.optimizer.prune_runs([self.ids[run.index]], [known]):
            return f"pruned by {self.optimizer.engine}"
        return None

    def _tell(self, run, state):
        """Tell the optimizer of a run, with the rows that are new to it; None if it could not take the run."""
        if self.ids[run.index] is None:
            return None
        rows, numbers = [], self.sweep.space.numbers
        for at in range(self.n_rows[run.index], len(run.rows)):
            if values := numbers(run.rows[at]):
                rows.append({"_step": run.rows[at].get("_step", at)} | values)
        self.n_rows[run.index] = len(run.rows)
        known = wandb_internals.run_for_optimizer(run, state, numbers(run.summary), rows)
        self.optimizer.tell_run(self.ids[run.index], known)
        return known
