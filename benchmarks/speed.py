"""How fast nets train, beside what people use today: ``python -m benchmarks.speed`` prints a table.

All train the same number of steps on the same boards, in one thread, by turns.
"""

import importlib.util
from functools import partial
from statistics import median

from benchmarks import measure, plain
from benchmarks.measure import SIZES, by_turns, few_steps, ratio, table
from sudoku_sweep import data

PLAIN, OURS = "plain PyTorch", "this project"


def main():
    """Print boards per second of every contender, a row per size."""
    # without dropout PyTorch has a faster attention for training
    contenders = {PLAIN: plain.fit, "plain, no dropout": partial(plain.fit, dropout=0.0)}
    if importlib.util.find_spec("lightning"):
        from benchmarks import lightning_peer

        contenders["PyTorch Lightning"] = lightning_peer.fit
    else:
        print("PyTorch Lightning is not installed, it is left out.\n")
    contenders[OURS] = measure.fit
    boards, rows = data.load_split("train"), []
    for size in SIZES:
        config = few_steps(size)
        n_boards = config.batch_size * config.steps_per_epoch
        seconds = by_turns({name: partial(fit, config, boards) for name, fit in contenders.items()})
        per_second = [f"{n_boards / median(some):,.0f}" for some in seconds.values()]
        rows.append([size, *per_second, f"{ratio(seconds, OURS, PLAIN):.2f}"])
    print(table(["boards/s", *contenders, f"{OURS} / {PLAIN}"], rows))


if __name__ == "__main__":
    main()
