"""How far an agent is with its sweep: what trains now, and how long the rest will take."""

import contextlib
import os
import sys
import time
from weakref import WeakSet

from tqdm import tqdm

from .run import DONE

# of the bar; without a size, nothing is drawn in a terminal that does not say its own
FORM = {"bar_format": "{desc} |{bar:20}| {n_fmt}/{total_fmt}", "ncols": 80, "nrows": 2}


class Progress:
    """What an agent says of its runs while it works: ``showing`` a run that trains, and the ``seconds_left``."""

    def __init__(self, sweep, count, retry_failed):
        states = set(DONE) - {"failed"} if retry_failed else DONE
        self.done = [run.index for run in sweep.runs() if run.state in states]
        self.n_runs, self.count = sweep.space.n_runs, count
        self.start, self.n_made = time.monotonic(), 0

    @contextlib.contextmanager
    def showing(self, run):
        """A block of code in which a run trains: a bar says so while the run prints nothing, or a line."""
        what = f"run {run.index + 1}" + (f" of {self.n_runs}" if self.n_runs else "")
        if not _has_viewer():
            print(f"{what} started", flush=True)
            yield
            return
        total = self.n_runs or (len(self.done) + self.count if self.count else None)
        bar = _Bar(total=total, initial=run.index, desc=what, file=sys.stdout, leave=False, **FORM)
        output, errors = _AfterBar(sys.stdout, bar), _AfterBar(sys.stderr, bar)
        with bar, contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            yield

    def seconds_left(self, index):
        """How long this agent will still work, now that its run at ``index`` has ended."""
        self.n_made += 1
        seconds, estimates = time.monotonic() - self.start, []
        if self.n_runs:  # what other agents have taken meanwhile is before the index, too
            n_passed = index + 1 - sum(done < index for done in self.done)
            n_left = self.n_runs - len(self.done) - n_passed
            estimates.append(seconds / n_passed * min(n_left, 10**9))  # more than a float may hold
        if self.count:
            estimates.append(seconds / self.n_made * (self.count - self.n_made))
        return min(estimates, default=0)


def _has_viewer():
    """Whether somebody looks at the output, in a terminal or in a notebook."""
    if not sys.stdout or os.environ.get("TQDM_DISABLE"):  # a process without outputs has None
        return False
    return type(sys.stdout).__module__ == "ipykernel.iostream" or sys.stdout.isatty()


class _Bar(tqdm):
    """A bar that is gone when it is closed, and of which the bars of a run know nothing."""

    _instances, monitor_interval = WeakSet(), 0


class _AfterBar:
    """An output while there is a bar, which ends with the first thing that is written."""

    def __init__(self, stream, bar):
        self._stream, self._bar = stream, bar

    def write(self, text):
        self._bar.close()
        return self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)
