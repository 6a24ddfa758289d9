"""The training step of this checkout beside older commits: ``python -m benchmarks.versions COMMIT [COMMIT ...]``.

Each version trains in a process of its own, in one thread; they take turns, and processor time is counted.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measure import table

HERE = Path(__file__).resolve().parent.parent
REPEATS = 15
# steps per measurement, batch size, passes, (embedding_dim, attention_dim, n_heads)
POINTS = {
    "quick": (20, 64, 2, (20, 36, 3)),
    "quick, narrow": (20, 64, 2, (20, 9, 3)),
    "laptop, one head": (20, 64, 2, (20, 18, 1)),
    "laptop, middle": (20, 64, 2, (20, 27, 3)),
    "laptop, nine heads": (20, 64, 2, (30, 36, 9)),
    "full, one pass": (3, 512, 1, (30, 36, 9)),
    "full": (3, 512, 2, (30, 36, 9)),
}
# What a version does for each line of settings it reads; works with every version that has `train.fit`.
WORKER = """
import json, sys, time, torch
from sudoku_sweep import data, train
torch.set_num_threads(1)
{change}
boards = data.load_split("train")
solved = type(boards)(boards.solutions[:1], boards.solutions[:1])  # to validate in no time
print("ready", flush=True)
for line in sys.stdin:
    config = train.Config(**json.loads(line))
    start = time.process_time()
    train.fit(config, boards, solved, device="cpu")
    print(time.process_time() - start, flush=True)
"""


@contextlib.contextmanager
def worker(folder, change=""):
    """A function from settings to processor seconds, in the version of a folder, altered by the code of ``change``."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(change=change)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"

    def seconds(settings):
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    with process:
        yield seconds


def checkout(commit, folder):
    """Unpack a commit into a folder."""
    archive = subprocess.run(
        ["git", "archive", commit], cwd=HERE, check=True, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def measure(workers, point):
    """Milliseconds of processor time per step, {version: [repeat]}, by turns."""
    steps, batch_size, n_loops, (embedding_dim, attention_dim, n_heads) = point
    settings = dict(embedding_dim=embedding_dim, attention_dim=attention_dim, n_heads=n_heads)
    settings |= dict(n_loops=n_loops, batch_size=batch_size, epochs=1, steps_per_epoch=steps)
    times = {name: [] for name in workers}
    for _ in range(1 + REPEATS):
        for name, seconds in workers.items():
            times[name].append(1e3 * seconds(settings) / steps)
    return {name: rest for name, (_, *rest) in times.items()}  # the first one warms up


def main():
    """Print a row per size: the step of every version, and how much longer that of this checkout takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="+", metavar="COMMIT")
    parser.add_argument("--only", choices=POINTS, nargs="+", default=list(POINTS))
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        workers = {}
        for commit in args.commits:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            checkout(commit, folder)
            workers[commit] = stack.enter_context(worker(folder))
        workers["here"] = stack.enter_context(worker(HERE))
        rows = []
        for name in args.only:
            times = measure(workers, POINTS[name])
            pairs = {old: zip(times["here"], times[old], strict=True) for old in args.commits}
            ratios = [f"{median(new / old for new, old in pairs[c]):.2f}" for c in args.commits]
            rows.append([name, *(f"{median(times[v]):.1f}" for v in workers), *ratios])
    heads = [f"ms/step, {version}" for version in workers]
    print(table(["size", *heads, *(f"here / {commit}" for commit in args.commits)], rows))


if __name__ == "__main__":
    main()
