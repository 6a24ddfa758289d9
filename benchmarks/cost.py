"""What all 240 runs of the full preset cost: ``python -m benchmarks.cost`` predicts it from measured step times."""

import time
from statistics import median

import torch

from benchmarks.measure import config_of, table
from sudoku_sweep import data, model, sweeps, train

REPEATS = 3
FULL = sweeps.PRESETS["full"].budget
TRAINED = data.DATA_DIR / "winner.pt"


def seconds_per_run(shape, boards, per_board):
    """Predicted seconds of one run of the full preset: its steps, and its ten validations."""
    config = config_of(FULL["batch_size"], 2, shape, steps=1)
    net = train.build_model(config)
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)
    batches = train.epoch_batches(
        train.Config(batch_size=512), *train.to_tensors(boards, "cpu"), torch.Generator()
    )
    seconds = []
    for _, batch in zip(range(1 + REPEATS), batches, strict=False):
        start = time.perf_counter()
        train.training_step(net, [optimizer], *batch)
        seconds.append(time.perf_counter() - start)
    n_steps = FULL["epochs"] * train.steps_per_epoch(train.Config(**FULL), len(boards.quizzes))
    n_validations = FULL["epochs"] // config.validate_every
    return n_steps * median(seconds[1:]) + n_validations * 2_000 * per_board


def main():
    """Measure a step of each of the 48 shapes, and print what follows for one core, two and eight."""
    torch.set_num_threads(1)
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    net, _ = model.load_checkpoint(TRAINED)
    start = time.perf_counter()
    train.evaluate(net, validation)
    # a net that solves the boards, reckoned down to two passes; one that is stuck stops sooner
    per_board = (time.perf_counter() - start) / len(validation.quizzes) * 2 / net.n_loops
    grid = sweeps.FULL["parameters"]
    names = ("embedding_dim", "attention_dim", "n_heads")
    shapes = [
        (e, a, h)
        for e in grid[names[0]]["values"]
        for a in grid[names[1]]["values"]
        for h in grid[names[2]]["values"]
    ]
    runs = {shape: seconds_per_run(shape, boards, per_board) for shape in shapes}
    total = len(grid["learning_rate"]["values"]) * sum(runs.values()) / 3600
    fastest, slowest = min(runs, key=runs.get), max(runs, key=runs.get)
    for what, shape in (("fastest", fastest), ("slowest", slowest)):
        print(
            f"{what} run: {', '.join(map(str, shape))} ({', '.join(names)}), {runs[shape] / 60:.1f} min"
        )
    print(f"median run: {median(runs.values()) / 60:.1f} min\n")
    rows = [[n, f"{total / n:.0f} h", f"{total / n / 24:.1f} days"] for n in (1, 2, 8)]
    print(table(["CPU cores, a worker each", "240 runs, predicted", ""], rows))


if __name__ == "__main__":
    main()
