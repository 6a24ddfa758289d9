"""What all 240 runs of the full preset cost: ``python -m benchmarks.cost`` predicts it from measured step times."""

import time
from itertools import islice, product
from statistics import median

import torch

from benchmarks.measure import table
from sudoku_sweep import data, model, sweeps, train

REPEATS = 3
FULL = sweeps.PRESETS["full"].budget
SIZES = ("embedding_dim", "attention_dim", "n_heads")
TRAINED = data.DATA_DIR / "grid_best.pt"


def seconds_per_run(shape, boards, per_board):
    """Predicted seconds of one run of the full preset: its steps, and its ten validations."""
    config = train.Config(**FULL | dict(zip(SIZES, shape, strict=True)))
    net = train.build_model(config)
    optimizers, _ = train.build_optimizers(net, config.learning_rate, n_steps=REPEATS)
    batches = train.epoch_batches(config, *train.to_tensors(boards, "cpu"), torch.Generator())
    batches = list(islice(batches, 1 + REPEATS))
    per_step = {}  # by number of passes
    for n_loops in range(1, config.n_loops + 1):
        net.n_loops, seconds = n_loops, []
        for batch in batches:
            start = time.perf_counter()
            train.training_step(net, optimizers, *batch)
            seconds.append(time.perf_counter() - start)
        per_step[n_loops] = median(seconds[1:])
    epochs = range(1, config.epochs + 1)
    one_step_each = sum(per_step[train.passes(config, epoch)] for epoch in epochs)  # seconds
    n_validations = config.epochs // config.validate_every
    per_epoch = train.steps_per_epoch(config, len(boards.quizzes))
    return per_epoch * one_step_each + n_validations * 2_000 * per_board


def main():
    """Measure a step of each of the 48 shapes, and print what follows for one core, two and eight."""
    torch.set_num_threads(1)
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    net, _ = model.load_checkpoint(TRAINED)
    start = time.perf_counter()
    train.evaluate(net, validation)
    # a net that solves the boards; one that is stuck stops sooner
    per_board = (time.perf_counter() - start) / len(validation.quizzes)
    grid = sweeps.FULL["parameters"]
    shapes = list(product(*(grid[name]["values"] for name in SIZES)))
    runs = {shape: seconds_per_run(shape, boards, per_board) for shape in shapes}
    total = len(grid["learning_rate"]["values"]) * sum(runs.values()) / 3600
    fastest, slowest = min(runs, key=runs.get), max(runs, key=runs.get)
    for what, shape in (("fastest", fastest), ("slowest", slowest)):
        print(
            f"{what} run: {', '.join(map(str, shape))} ({', '.join(SIZES)}), {runs[shape] / 60:.1f} min"
        )
    print(f"median run: {median(runs.values()) / 60:.1f} min\n")
    rows = [[n, f"{total / n:.0f} h", f"{total / n / 24:.1f} days"] for n in (1, 2, 8)]
    print(table(["CPU cores, a worker each", "240 runs, predicted", ""], rows))


if __name__ == "__main__":
    main()
