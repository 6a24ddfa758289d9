"""How things are measured here: processor time, by turns, in one thread."""

import contextlib
import math
import time
from statistics import median
from unittest import mock

import torch

from sudoku_sweep import data, train

torch.set_num_threads(1)
# batch size, (embedding_dim, attention_dim, n_heads)
SIZES = {
    "quick": (16, (20, 36, 3)),
    "quick, narrow": (16, (20, 9, 3)),
    "laptop, nine heads": (16, (30, 36, 9)),
    "full, nine heads": (512, (30, 36, 9)),
    "full, narrow": (512, (30, 9, 1)),
}


def config_of(batch_size, shape, **others):
    """The config of a measurement; ``shape`` is embedding_dim, attention_dim, n_heads."""
    names = ("embedding_dim", "attention_dim", "n_heads")
    sizes = dict(zip(names, shape, strict=True))
    return train.Config(**{"epochs": 1, "batch_size": batch_size, **sizes, **others})


def few_steps(size):
    """The config of a measurement at one of the ``SIZES``."""
    batch_size, shape = SIZES[size]
    return config_of(batch_size, shape, steps_per_epoch=20 if batch_size == 16 else 2)


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


def by_turns(functions, repeats=5):
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
        return train.Metrics(0.0, 0.0, 0.0, 0.0)

    with patched({"sudoku_sweep.train.evaluate": score}):
        train.fit(config, boards, validation, device="cpu")
    return curve


def seconds_as_text(seconds):
    """Seconds in a table; a dash for a level that was not reached."""
    return f"{seconds:.1f}" if seconds < math.inf else "-"


def table(header, rows):
    """A Markdown table as text."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
