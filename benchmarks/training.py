"""How fast nets train here, beside what people use today: ``python -m benchmarks.training`` prints two tables.

All train the same number of steps on the same boards, in one thread (two processes of one thread for "two workers"),
by turns, several times over.
"""

import importlib.util
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from statistics import median

import torch

from benchmarks import plain
from benchmarks.logging_cost import milliseconds_per_log
from benchmarks.measure import (
    by_turns,
    config_of,
    flops,
    matmul_rate,
    nothing_to_solve,
    peak_megabytes,
    ratio,
    table_head,
    table_row,
)
from sudoku_sweep import data, train

STEPS = {64: 10, 512: 2}  # per measurement, by batch size
# batch size, passes, (embedding_dim, attention_dim, n_heads)
POINTS = [(64, 2, (20, 27, 3)), (512, 1, (30, 36, 9)), (512, 2, (30, 36, 9))]
CORNERS = [
    (batch_size, 2, (embedding_dim, attention_dim, n_heads))
    for batch_size in STEPS
    for embedding_dim in (10, 30)
    for attention_dim in (9, 36)
    for n_heads in (1, 9)
]
OURS, PLAIN = "this project", "plain PyTorch"


@cache
def boards():
    """The training boards, read once per process."""
    torch.set_num_threads(1)
    return data.load_split("train")


def setting(batch_size, n_loops, shape, **others):
    """The config of a point."""
    return config_of(batch_size, n_loops, shape, STEPS.get(batch_size, 1), **others)


def ours(*point):
    """The project's own training."""
    train.fit(setting(*point), boards(), nothing_to_solve(boards()), device="cpu")


def plain_pytorch(*point):
    """The loop of tutorials."""
    plain.fit(setting(*point), boards())


def plain_without_dropout(*point):
    """The same, with PyTorch's faster attention, which it has for training without dropout only."""
    plain.fit(setting(*point), boards(), dropout=0.0)


def with_lightning(*point):
    """The same net, trained by Lightning."""
    from benchmarks import lightning_peer

    lightning_peer.fit(setting(*point), boards())


# What is measured: a function, how many nets it trains, and how often it logs per step.
CONTENDERS = {
    PLAIN: (plain_pytorch, 1, 1),
    "plain, no dropout": (plain_without_dropout, 1, 1),
    "PyTorch Lightning": (with_lightning, 1, 1),
    OURS: (ours, 1, 1 / 40),  # an epoch of the full preset has 40 steps
}


def measure_point(point, pool, rate, ms_per_log):
    """Rows of the table for one point: every contender, and two workers at once."""
    batch_size = point[0]
    contenders = dict(CONTENDERS)
    if importlib.util.find_spec("lightning") is None:
        print("PyTorch Lightning is not installed, its rows are left out: pip install lightning")
        del contenders["PyTorch Lightning"]
    functions = {name: lambda f=f: f(*point) for name, (f, _, _) in contenders.items()}
    functions["two workers"] = lambda: list(pool.map(ours, *([part] * 2 for part in point)))
    contenders["two workers"] = (ours, 2, 1 / 40)
    seconds = by_turns(functions)
    for name, (function, n_nets, logs_per_step) in contenders.items():
        ms = 1e3 * median(seconds[name]) / STEPS[batch_size]
        speed = n_nets * batch_size / ms * 1e3
        # of the rate of one core, and logging at the same time, where there are two workers
        share = flops(lambda f=function: f(*point)) / STEPS[batch_size] / ms * 1e3 / rate
        calls = [f"{function.__name__}(*{where!r})" for where in (point, (8, *point[1:]))]
        n_logging = 1 if name == "two workers" else n_nets
        megabytes = peak_megabytes("training", *calls)
        yield [
            *(batch_size, point[1], ", ".join(map(str, point[2])), name, f"{speed:,.0f}"),
            f"{n_nets * ratio(seconds, name, PLAIN):.2f}",
            f"{ms:.1f}",
            f"{100 * share:.0f} %",
            f"{megabytes:.0f}" if name != "two workers" else f"2 x {megabytes:.0f}",
            f"{100 * logs_per_step * n_logging * ms_per_log / ms:.2f} %",
        ]


def measure_corners():
    """Rows of the second table: this project and plain PyTorch at the corners of the grid of 240."""
    for point in CORNERS:
        functions = {OURS: lambda p=point: ours(*p), PLAIN: lambda p=point: plain_pytorch(*p)}
        seconds = by_turns(functions)
        done = point[0] * STEPS[point[0]]
        yield [
            *(point[0], ", ".join(map(str, point[2]))),
            *(f"{done / median(seconds[name]):,.0f}" for name in functions),
            f"{ratio(seconds, OURS, PLAIN):.2f}",
        ]


def main():
    """Print both tables."""
    boards()
    rate, ms_per_log = matmul_rate(), milliseconds_per_log()
    print(f"One matrix product of 512 x 512: {rate / 1e9:.0f} GFLOP/s in one thread.")
    print(f"One `run.log` of an offline W&B run: {ms_per_log:.2f} ms.\n")
    spawn = multiprocessing.get_context("spawn")
    header = ["batch", "passes", "embedding, attention, heads", "", "boards/s", "x plain"]
    print(table_head([*header, "ms/step", "of matmul rate", "MB", "W&B"]), flush=True)
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=boards) as pool:
        list(pool.map(ours, *([part] * 2 for part in (8, 1, (10, 9, 1)))))  # the workers are up
        for point in POINTS:
            for row in measure_point(point, pool, rate, ms_per_log):
                print(table_row(row), flush=True)
    print("\nThe corners of the grid of 240, two passes, boards/s:\n")
    print(table_head(["batch", "embedding, attention, heads", OURS, PLAIN, "ratio"]))
    for row in measure_corners():
        print(table_row(row), flush=True)


if __name__ == "__main__":
    main()
