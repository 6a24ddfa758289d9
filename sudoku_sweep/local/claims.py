"""Which run an agent takes next: it claims one by a lock that the operating system drops when its process ends.

So several agents share a sweep, and an interrupted one goes on where it stopped.
"""

import contextlib
import itertools
import os
import secrets
import time

import filelock

from ..errors import SweepError
from . import execution, search, store
from .run import DONE, Run

# Whoever holds a lock for longer is running that configuration; ``runs`` takes much less.
LOCK_SECONDS = 0.1


def claims(sweep, retry_failed, engine):
    """Yield runs that are to be made now, each locked until the next one is asked for.

    That is those that nobody made or makes; with ``retry_failed`` also those that have failed before. Unless ``engine``
    is None, it says what they try.
    """
    again = {run.id for run in sweep.runs() if run.state == "failed"} if retry_failed else ()
    size = sweep.space.n_runs
    for index in itertools.count() if size is None else range(size):
        if not (sweep.folder / "sweep.json").exists():
            raise SweepError(f"{sweep.folder} was deleted while its sweep was running")
        path = sweep.path(index)
        with contextlib.suppress(filelock.Timeout), store.locked(path, LOCK_SECONDS) as lock:
            before = sweep.saved(path)
            if before and before.state == "running" and execution.adopt(sweep, before):
                print(f"run {index + 1} ended well after its agent was gone: recorded")
                continue
            if before and before.state in DONE and before.id not in again:
                continue
            # A program has the lock, too: if its agent is killed, nobody takes the run while it goes on.
            os.set_inheritable(lock._context.lock_file_fd, True)
            # One agent at a time, so that each knows what the others try.
            with store.locked(sweep.folder / "sweep.json"):
                run = _new_run(sweep, index, before, engine)
                if run is None:
                    return
                sweep.save(run)
            yield run


def _new_run(sweep, index, before, engine):
    """A run that is about to start; None if the sweep has reached its target, or its engine's end.

    One that was interrupted ``before`` is tried again as it was.
    """
    space = sweep.space
    others = []
    if space.method == "bayes" or (space.metric and space.metric.target is not None):
        others = [run for run in sweep.runs() if run.index != index]
    if others and space.metric.target_reached(others):
        print(f"sweep {sweep.id} has reached its target")
        return None
    params = before.params if before else None
    if params is None and engine:
        params = engine.propose(index)
    elif params is None:
        params = search.propose(space, sweep.seed, index, others)
    if params is None:
        print(f"the engine of sweep {sweep.id} has nothing more to try")
        return None
    run = Run(index, secrets.token_hex(4), f"run-{index + 1}", "running", {}, {}, params=params)
    run.config = search.to_config(space, params)
    run.project, run.group = sweep.project, f"sweep-{sweep.id}"
    run.created_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return run
