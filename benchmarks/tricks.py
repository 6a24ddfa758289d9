"""What each trick of the training step brings: ``python -m benchmarks.tricks`` takes them out, one at a time.

Each way of training has a process of its own, in one thread; they take turns, and processor time is counted.
"""

import contextlib
from statistics import median

from benchmarks.measure import table
from benchmarks.versions import HERE, POINTS, measure, worker

ANSWER_FOR_EVERY_CELL = """
def sums_of_every_cell(net, quizzes, solutions, n_asked):
    blank = quizzes == 0
    scores, target = net(quizzes), solutions.long() - 1
    right = (scores[-1].argmax(2) == target) & blank
    sums = [(train.cell_losses(scores, target) * blank).sum(), right.sum(), blank.sum()]
    asked = torch.arange(81).expand_as(quizzes)
    return sums, train.fill_in(quizzes, asked, scores[-1].detach(), target, blank)
train.blank_cell_sums = sums_of_every_cell
"""
PYTORCH_S_ATTENTION = """
from sudoku_sweep import model
model.attention = torch.nn.functional.scaled_dot_product_attention
"""
WITHOUT = {
    "nothing": "",
    "answers for blanks only": ANSWER_FOR_EVERY_CELL,
    "chunks, sorted by blanks": "train.CHUNK = 10**9",
    "attention of our own": PYTORCH_S_ATTENTION,
    "heads in groups": "from sudoku_sweep import attention; attention.GROUP = 10**9",
}


def main():
    """Print a row per trick, a column per size: how much longer a step takes without it."""
    with contextlib.ExitStack() as stack:
        workers = {
            name: stack.enter_context(worker(HERE, change)) for name, change in WITHOUT.items()
        }
        times = {size: measure(workers, point) for size, point in POINTS.items()}
    rows = []
    for name in list(WITHOUT)[1:]:
        row = [name]
        for size in POINTS:
            pairs = zip(times[size][name], times[size]["nothing"], strict=True)
            row.append(f"{100 * (median(slow / fast for slow, fast in pairs) - 1):+.0f} %")
        rows.append(row)
    print(table(["a step without", *POINTS], rows))


if __name__ == "__main__":
    main()
