"""How things are measured here: by turns, in one thread, memory in a process of its own."""

import math
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sudoku_sweep import data, train

REPEATS = 5


def config_of(batch_size, n_loops, shape, steps, **others):
    """The settings of one measurement; ``shape`` is embedding_dim, attention_dim, n_heads."""
    embedding_dim, attention_dim, n_heads = shape
    return train.Config(
        embedding_dim=embedding_dim,
        attention_dim=attention_dim,
        n_heads=n_heads,
        n_loops=n_loops,
        batch_size=batch_size,
        epochs=1,
        steps_per_epoch=steps,
        **others,
    )


def nothing_to_solve(boards):
    """One board without blanks: validation that takes no time."""
    return data.Boards(boards.solutions, boards.solutions).first(1)


def by_turns(functions, repeats=REPEATS):
    """Seconds that each function takes, {name: [repeat]}: one after the other, so that slow moments hit all alike."""
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds, faster, slower):
    """How many times as fast one is as the other: the median over the pairs of repeats."""
    pairs = zip(seconds[faster], seconds[slower], strict=True)
    return median(slow / fast for fast, slow in pairs)


def learning_curve(nets, validation, enough=1.0, patience=math.inf):
    """How right a net is while it learns: [(processor seconds, accuracy)]; the clock stands still while it is scored.

    ``nets`` trains when it is iterated over, and yields the net whenever it is to be scored. The end comes with
    ``enough`` accuracy, or after ``patience`` seconds.
    """
    points, seconds, start = [], 0.0, time.process_time()
    for net in nets:
        seconds += time.process_time() - start
        points.append((seconds, accuracy(net, validation)))
        if points[-1][1] >= enough or seconds >= patience:
            break
        start = time.process_time()
    return points


def seconds_to(level, points):
    """When a learning curve first reached a level; inf: never."""
    return next((seconds for seconds, right in points if right >= level), math.inf)


@torch.no_grad()
def accuracy(net, boards):
    """The share of blank cells whose best digit is right."""
    quizzes, solutions = train.to_tensors(boards, "cpu")
    blank = quizzes == 0
    scores = net(quizzes.int())
    last = scores[-1] if isinstance(scores, list) else scores  # our net answers in every pass
    return (last.argmax(2) + 1 == solutions)[blank].float().mean().item()


def flops(function):
    """Floating-point operations of the matrix products that a call makes, those of autograd included."""
    # PyTorch's other attention on CPUs is not counted
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function()
    return counter.get_total_flops()


def matmul_rate(size=512):
    """This machine's floating-point operations per second, in one thread, on a matrix product that suits it."""
    one, other = torch.randn(size, size), torch.randn(size, size)
    seconds = by_turns({"": lambda: one @ other}, repeats=30)[""]
    return 2 * size**3 / median(seconds)


def peak_megabytes(module, call, warm_up):
    """By how many megabytes a call of something in ``benchmarks`` makes a new process grow at most (Linux only).

    ``warm_up`` is a small call before, for what is only set up once.
    """
    code = f"from benchmarks import measure, {module}; measure.print_peak({module}, {call!r}, {warm_up!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def print_peak(module, call, warm_up):
    """What ``peak_megabytes`` runs."""
    torch.set_num_threads(1)
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
    return "\n".join([table_head(header), *map(table_row, rows)])


def table_head(header):
    """The two lines that begin a Markdown table."""
    return f"{table_row(header)}\n{table_row(['---'] * len(header))}"


def table_row(cells):
    """A line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"
