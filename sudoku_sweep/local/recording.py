"""Watching one W&B run: what is logged, and the config and summary it ends with."""

import contextlib
import json

import wandb


class StoppedEarly(Exception):  # noqa: N818  (no error: the run did what it should)
    """Raised inside ``run.log`` when the sweep's ``early_terminate`` stops a run.

    A plain ``Exception``, because that is what W&B's agent raises in the training function: code that swallows
    one swallows the other.
    """


@contextlib.contextmanager
def session():
    """A while in which ``wandb.setup`` may change wandb's settings. Before and after, they are read anew."""
    shut_down()
    try:
        yield
    finally:
        shut_down()


def shut_down():
    """End wandb's background process, dead or alive; the next use of wandb starts a new one."""
    with contextlib.suppress(Exception):  # that of a process which is gone already
        wandb.teardown()
    wandb.run = None  # a run that was left open cannot be finished any more


@contextlib.contextmanager
def recording(record, shown, after_log=None):
    """Note in ``record`` what is logged, and config and summary just before the run closes, while it has them.

    Yields the list of runs closed so far; ``shown`` collects the errors that wandb prints. Runs of another id
    than the record's are left alone. A run that the function leaves open is closed here. ``after_log``, if given,
    is called with the dict just logged, once the record has it; it may raise ``StoppedEarly``.
    """
    closed, history = [], History()
    real = {name: getattr(wandb.Run, name) for name in ("log", "finish", "__exit__")}

    def log(run, data, step=None, commit=None):
        real["log"](run, data, step, commit)
        if run.id == record["id"]:
            history.add(_plain(data), step, commit)
            if after_log:
                record["rows"] = history.in_order()
                after_log(data)

    def note(run):
        if run.id == record["id"] and run not in closed:
            closed.append(run)
            record["name"] = run.name or record["name"]
            record["rows"] = history.in_order()  # first: for the rest, wandb is asked
            record["config"], record["summary"] = _plain(run.config), _plain(run.summary)

    def finish(run, *args, **kwargs):
        note(run)
        return real["finish"](run, *args, **kwargs)

    def leave(run, error_type, error, trace):
        note(run)
        if isinstance(error, StoppedEarly):  # no failure: nothing to print, exit status 0
            real["__exit__"](run, None, None, None)
            return False
        shown.append(error)
        return real["__exit__"](run, error_type, error, trace)

    wandb.Run.log, wandb.Run.finish, wandb.Run.__exit__ = log, finish, leave
    try:
        yield closed
        wandb.finish()
    except BaseException as error:
        wandb.finish(exit_code=0 if isinstance(error, StoppedEarly) else 1)
        raise
    finally:
        for name, method in real.items():
            setattr(wandb.Run, name, method)


class History:
    """The rows of one run, counted as wandb counts them: a step per ``log``, unless it says otherwise."""

    def __init__(self):
        self.rows, self.step = {}, 0

    def add(self, values, step, commit):
        """One call of ``log``. What is logged for a step that is over is dropped, as wandb does."""
        at = self.step if step is None else step
        if at < self.step:
            return
        self.rows.setdefault(at, {"_step": at}).update(values)
        self.step = at
        if commit or (step is None and commit is None):
            self.step += 1

    def in_order(self):
        """The rows, from the first step to the last."""
        return [self.rows[at] for at in sorted(self.rows)]


def _plain(values):
    """The part of a mapping that JSON can hold: numbers, strings, booleans, lists and mappings of them."""
    plain = {}
    for name in values.keys():  # noqa: SIM118  (wandb's configs and summaries are no iterables)
        value = values[name]
        if hasattr(type(value), "keys") and not hasattr(type(value), "ndim"):  # tables have both
            value = _plain(value)
        elif getattr(value, "ndim", None) == 0:  # a number of numpy's or torch's
            value = value.item()
        try:
            value = json.loads(json.dumps(value))  # as it is now: a list may change later
        except TypeError:
            continue  # an image, a histogram: it is in the run's own file
        if not str(name).startswith("_wandb"):
            plain[name] = value
    return plain
