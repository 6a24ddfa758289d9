"""Where the time of a step goes, and how far that is from the floor: ``python -m benchmarks.profiling`` prints it."""

from statistics import median

import torch
from torch.profiler import profile

from benchmarks.measure import by_turns, config_of, flops, matmul_rate, table
from sudoku_sweep import data, train

SHAPES = [(20, 27, 3), (30, 36, 9)]  # embedding_dim, attention_dim, n_heads
BATCH_SIZE, STEPS, TOP = 64, 10, 12


def steps(shape):
    """A function that makes ``STEPS`` steps on the same batches each time, and the mean number of asked cells."""
    config = config_of(BATCH_SIZE, 2, shape, STEPS)
    net = train.build_model(config)
    optimizers, _ = train.build_optimizers(net, config.learning_rate, STEPS)
    boards = train.to_tensors(data.load_split("train"), "cpu")
    batches = list(train.epoch_batches(config, *boards, torch.Generator().manual_seed(0)))
    asked = sum(_asked(quizzes) for quizzes, _ in batches) / STEPS

    def run():
        for batch in batches:
            train.training_step(net, optimizers, *batch)

    return run, asked


def _asked(quizzes):
    """The cells that the last pass answers for, padding included."""
    n_blanks = (quizzes == 0).sum(1).sort().values
    return sum(len(chunk) * int(chunk[-1]) for chunk in n_blanks.split(train.CHUNK))


def main():
    """Print the floor of every shape, then its profile."""
    torch.set_num_threads(1)
    rate, scores = matmul_rate(), torch.randn(1_000_000)
    seconds_per_exp = median(by_turns({"": lambda: torch.exp(scores)}, repeats=20)[""]) / 1e6
    for shape in SHAPES:
        run, asked = steps(shape)
        run()
        ms = 1e3 * median(by_turns({"": run})[""]) / STEPS
        products = 1e3 * flops(run) / STEPS / rate
        exps = 1e3 * seconds_per_exp * shape[2] * 81 * (BATCH_SIZE * 81 + asked)
        print(
            f"Shape {', '.join(map(str, shape))}, batch {BATCH_SIZE}: {ms:.1f} ms a step; the floor is"
        )
        print(
            f"{products:.1f} ms of matrix products at full rate and {exps:.1f} ms of exponentials.\n"
        )
        with profile() as profiled:
            run()
        events = sorted(profiled.key_averages(), key=lambda event: -event.self_cpu_time_total)
        total = sum(event.self_cpu_time_total for event in events)
        rows = [
            [
                f"`{event.key[:40]}`",
                f"{event.self_cpu_time_total / STEPS / 1e3:.2f}",
                f"{100 * event.self_cpu_time_total / total:.0f} %",
                event.count // STEPS,
            ]
            for event in events[:TOP]
        ]
        print(table(["operation", "ms/step", "share", "calls/step"], rows) + "\n")


if __name__ == "__main__":
    main()
