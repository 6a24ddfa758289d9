"""How fast nets train, beside what people use today: ``python -m benchmarks.speed`` prints a table.

All train the same number of steps on the same boards, in one thread, by turns.
"""

import importlib.util
from functools import cache
from statistics import median

from benchmarks import measure, plain
from benchmarks.measure import by_turns, config_of, peak_megabytes, ratio, table
from sudoku_sweep import data

STEPS = {16: 20, 512: 2}  # per measurement, by batch size
# batch size, (embedding_dim, attention_dim, n_heads): of `quick`, and of `full` the largest net and one of the smallest
POINTS = [(16, (20, 36, 3)), (16, (20, 9, 3)), (512, (30, 36, 9)), (512, (30, 9, 1))]


@cache
def boards():
    """The training boards, read once per process."""
    return data.load_split("train")


def config(batch_size, shape):
    """The config of a point; other batch sizes make one step."""
    return config_of(batch_size, shape, steps_per_epoch=STEPS.get(batch_size, 1))


def ours(*point):
    """The project's own training."""
    measure.fit(config(*point), boards())


def plain_pytorch(*point):
    """The loop of tutorials."""
    plain.fit(config(*point), boards())


def plain_without_dropout(*point):
    """The same, with PyTorch's faster attention, which it has for training without dropout only."""
    plain.fit(config(*point), boards(), dropout=0.0)


def with_lightning(*point):
    """The same net as the loop of tutorials, trained by Lightning."""
    from benchmarks import lightning_peer

    lightning_peer.fit(config(*point), boards())


CONTENDERS = {
    "plain PyTorch": plain_pytorch,
    "plain, no dropout": plain_without_dropout,
    "PyTorch Lightning": with_lightning,
    "this project": ours,
}


def main():
    """Print boards per second, and by how much training makes the process grow, of every contender at every point."""
    contenders, rows = dict(CONTENDERS), []
    if importlib.util.find_spec("lightning") is None:
        print("PyTorch Lightning is not installed, its rows are left out.\n")
        del contenders["PyTorch Lightning"]
    for point in POINTS:
        batch_size, shape = point
        functions = {name: lambda f=f, p=point: f(*p) for name, f in contenders.items()}
        seconds = by_turns(functions)
        for name, function in contenders.items():
            speed = batch_size * STEPS[batch_size] / median(seconds[name])
            times = ratio(seconds, name, "plain PyTorch")
            call, warm_up = (f"{function.__name__}({size}, {shape})" for size in (batch_size, 8))
            megabytes = peak_megabytes("speed", call, warm_up)
            what = (batch_size, ", ".join(map(str, shape)), name)
            rows.append([*what, f"{speed:,.0f}", f"{times:.2f}", f"{megabytes:.0f}"])
    header = ["batch", "embedding, attention, heads", "", "boards/s", "x plain", "MB"]
    print(table(header, rows))


if __name__ == "__main__":
    main()
