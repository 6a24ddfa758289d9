"""The gradient of a batch in less time: the net predicts blank cells only, a few boards at once."""

import torch

MICRO_BATCH = 32  # boards: what their gradients need stays in the cache of a CPU's core
NO_TARGET = -100  # cross_entropy's ignore_index


def targets(quizzes, solutions):
    """The class of each cell, uint8 [batch, 81] -> int64 [batch, 81]: the right digit less one, or ``NO_TARGET``."""
    return torch.where(quizzes == 0, solutions.long() - 1, NO_TARGET)


def micro_batches(quizzes, solutions):
    """Take a batch apart; the gradients of the parts, summed, are those of the batch.

    On a CPU, boards are sorted by their number of blanks and taken ``MICRO_BATCH`` at a time. Of each board the net
    predicts as many cells as the one with most blanks needs; the others are padded with clues, which have no
    target. A GPU takes the batch whole, with all cells: reading the number of blanks back would make it wait.

    Parameters
    ----------
    quizzes, solutions : uint8 tensors [batch, 81]

    Yields
    ------
    indices : which boards of the batch
    cells : int64 tensor [board, n_cells], or None for all 81
    target : int64 tensor [board, n_cells], as ``targets`` gives it
    """
    blank, target = quizzes == 0, targets(quizzes, solutions)  # [batch, 81]
    if quizzes.device.type != "cpu":
        yield slice(None), None, target
        return
    n_blanks = blank.sum(1)  # [batch]
    for indices in n_blanks.argsort().split(MICRO_BATCH):
        most = int(n_blanks[indices[-1]])  # the last one has the most
        cells = blank[indices].argsort(dim=1, descending=True, stable=True)[
            :, :most
        ]  # blanks first
        yield indices, cells, target[indices].gather(1, cells)
