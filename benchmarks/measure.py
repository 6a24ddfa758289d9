"""How things are measured here: processor time, by turns, in one thread; memory in a process of its own."""

import contextlib
import math
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from unittest import mock

import torch

from sudoku_sweep import data, train

torch.set_num_threads(1)
REPEATS = 5


def config_of(batch_size, shape, **others):
    """The config of one measurement, of one epoch unless said otherwise.

    ``shape`` is embedding_dim, attention_dim, n_heads.
    """
    names = ("embedding_dim", "attention_dim", "n_heads")
    sizes = dict(zip(names, shape, strict=True))
    return train.Config(**{"epochs": 1, "batch_size": batch_size, **sizes, **others})


def fit(config, boards):
    """Train without a validation to speak of: on one board that has no blanks."""
    solved = data.Boards(boards.solutions, boards.solutions).first(1)
    return train.fit(config, boards, solved, device="cpu")


@contextlib.contextmanager
def patched(changes):
    """The package with some of its names replaced, {"sudoku_sweep.module.name": value}, for as long as it is open."""
    with contextlib.ExitStack() as stack:
        for name, value in changes.items():
            stack.enter_context(mock.patch(name, value))
        yield


def by_turns(functions, repeats=REPEATS):
    """Processor seconds of each function, {name: [repeat]}: one after the other, so that slow moments hit all alike."""
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return seconds


def ratio(seconds, faster, slower):
    """How many times as fast one is as the other: the median over the pairs of repeats."""
    pairs = zip(seconds[faster], seconds[slower], strict=True)
    return median(slow / fast for fast, slow in pairs)


class LearningCurve:
    """How right a net is while it trains: ``points``, a list of (processor seconds, share of blank cells right).

    The clock starts now, and stands still while a net is scored.
    """

    def __init__(self, validation):
        self.quizzes, self.solutions = data.to_tensors(validation, "cpu")
        self.points, self.start = [], time.process_time()

    @torch.no_grad()
    def score(self, net):
        """Add a point."""
        now = time.process_time()
        logits = net(self.quizzes.int())
        last = logits[-1] if logits.ndim == 4 else logits  # our net answers in every loop
        right = last.argmax(2) + 1 == self.solutions
        self.points.append((now - self.start, right[self.quizzes == 0].float().mean().item()))
        self.start += time.process_time() - now

    def seconds_to(self, level):
        """When a level was first reached; inf: never."""
        return next((seconds for seconds, right in self.points if right >= level), math.inf)


def learning_curve(config, boards, validation):
    """The ``LearningCurve`` of ``train.fit``, with a point wherever the config has a validation."""
    curve = LearningCurve(validation)

    def score(model, _):
        curve.score(model)
        return {}

    with patched({"sudoku_sweep.train.val_metrics": score}):
        train.fit(config, boards, validation, device="cpu")
    return curve


def seconds_as_text(seconds):
    """Seconds in a table; a dash for a level that was not reached."""
    return f"{seconds:.1f}" if seconds < math.inf else "-"


def peak_megabytes(module, call, warm_up):
    """By how many megabytes a call of something in ``benchmarks`` makes a new process grow at most (Linux only).

    ``warm_up`` is a small call before, for what is only set up once.
    """
    code = f"from benchmarks import measure, {module}; measure.print_peak({module}, {call!r}, {warm_up!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def print_peak(module, call, warm_up):
    """What ``peak_megabytes`` runs."""
    eval(warm_up, vars(module))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _kilobytes("VmRSS")
    eval(call, vars(module))
    print((_kilobytes("VmHWM") - before) / 1024)


def _kilobytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", status)[1])


def table(header, rows):
    """A Markdown table as text."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
