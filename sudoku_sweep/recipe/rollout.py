"""Boards that go on in the next batch, so that the net trains on the boards that it meets when it solves."""

import torch

from .gradients import NO_TARGET

SURE = 0.95  # a right digit of at least this probability is filled in


class Rollout:
    """The batches of an epoch, where up to ``n`` boards of each come from the one before, a step of solving further.

    Parameters
    ----------
    batches : iterable of pairs of uint8 tensors [new, 81]
    n : int
    """

    def __init__(self, batches, n):
        self.batches, self.n = batches, n

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        begun = None
        for new in self.batches:
            batch = new if begun is None else tuple(map(torch.cat, zip(begun, new, strict=True)))
            quizzes, solutions = batch
            self.next_quizzes = quizzes.clone()  # fill_in works on it
            yield batch
            # The one thing in a step that a GPU has to wait for.
            open_rows = (self.next_quizzes == 0).any(1).nonzero()[: self.n, 0]
            begun = self.next_quizzes[open_rows], solutions[open_rows]

    def fill_in(self, rows, cells, logits, target):
        """Fill in right digits on some boards of the batch: those of which the net is sure, or else its surest one.

        Parameters
        ----------
        rows, cells, target
            From ``micro_batches``.
        logits : float tensor [board, n_cells, 9]
        """
        is_blank = target != NO_TARGET
        digit = target.clamp(min=0)
        chance = logits.detach().softmax(2).gather(2, digit[..., None])[..., 0] * is_blank
        # Sorted, since there is no maximum where no cell is asked for: [board, 1], or [board, 0].
        least = chance.sort(1, descending=True).values[:, :1].clamp(max=SURE)
        found = ((digit + 1) * (is_blank & (chance >= least))).to(torch.uint8)
        boards = self.next_quizzes[rows]
        self.next_quizzes[rows] = (
            boards + found if cells is None else boards.scatter_add(1, cells, found)
        )
