"""How fast one net trains, beside the loop of PyTorch tutorials: ``python -m benchmarks.training`` prints a table.

Both train the same number of steps on the same boards, in one thread, by turns, several times over. Memory is measured
apart, in a process for each.
"""

import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch

from benchmarks import plain
from sudoku_sweep import data, train

REPEATS = 5
STEPS = {64: 40, 512: 5}  # per measurement, by batch size


def fit_ours(config, boards):
    """The project's own training; the validation at its end has one board."""
    train.fit(config, boards, boards.first(1))


CONTENDERS = {"this project": fit_ours, "plain PyTorch": plain.fit}


def shapes():
    """What is measured: a large net with one pass and with two, and the corners of the grid of 240."""
    for batch_size in STEPS:
        yield batch_size, 1, (30, 36, 9)
        corners = [(e, a, h) for e in (10, 30) for a in (9, 36) for h in (1, 9)]
        yield from ((batch_size, 2, corner) for corner in corners)


def config_of(batch_size, n_loops, shape):
    """The settings of one measurement."""
    embedding_dim, attention_dim, n_heads = shape
    return train.Config(
        embedding_dim=embedding_dim,
        attention_dim=attention_dim,
        n_heads=n_heads,
        n_loops=n_loops,
        batch_size=batch_size,
        epochs=1,
        steps_per_epoch=STEPS[batch_size],
    )


def boards_per_second(config, boards):
    """The speeds of every contender, measured by turns: {name: [repeat]}."""
    speeds = {name: [] for name in CONTENDERS}
    for _ in range(REPEATS):
        for name, fit in CONTENDERS.items():
            start = time.perf_counter()
            fit(config, boards)
            seconds = time.perf_counter() - start
            speeds[name].append(config.batch_size * config.steps_per_epoch / seconds)
    return speeds


def peak_megabytes(name, *point):
    """What training takes at most beyond what Python, torch and the boards take; in a process of its own."""
    code = f"from benchmarks import training; training.print_peak({name!r}, *{point!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_peak(name, *point):
    """Train a little and print by how many megabytes the process grew at most (Linux only)."""
    boards = data.load_split("train")
    torch.set_num_threads(1)
    CONTENDERS[name](config_of(*point), boards.first(8))  # what is only set up once
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _kilobytes("VmRSS")
    CONTENDERS[name](config_of(*point), boards)
    print((_kilobytes("VmHWM") - before) / 1024)


def _kilobytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s*(\d+) kB", status)[1])


def main():
    """Print the table of ``benchmarks/README.md``."""
    torch.set_num_threads(1)
    boards = data.load_split("train")
    print(
        "| batch | passes | embedding, attention, heads | this project | plain PyTorch | ratio | MB | MB, plain |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for point in shapes():
        ours, theirs = boards_per_second(config_of(*point), boards).values()
        ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
        memory = [f"{peak_megabytes(name, *point):.0f}" for name in CONTENDERS]
        batch_size, n_loops, shape = point
        cells = [batch_size, n_loops, ", ".join(map(str, shape))]
        cells += [f"{median(ours):,.0f}", f"{median(theirs):,.0f}", f"{ratio:.2f}", *memory]
        print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
