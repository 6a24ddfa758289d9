"""Boards that go on in the next batch, half-solved: the net trains on what it meets when it solves step by step."""

import torch

from .gradients import NO_TARGET

FILL_THRESHOLD = 0.95  # a right digit of at least this probability is filled in


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
        carried = None
        for quizzes, solutions in self.batches:
            if carried is not None:
                quizzes = torch.cat([carried[0], quizzes])
                solutions = torch.cat([carried[1], solutions])
            self.next_quizzes = quizzes.clone()  # fill_in works on it
            yield quizzes, solutions
            # The one thing in a step that a GPU has to wait for.
            still_open = (self.next_quizzes == 0).any(1).nonzero()[: self.n, 0]
            carried = self.next_quizzes[still_open], solutions[still_open]

    def fill_in(self, indices, cells, logits, target):
        """Fill in right digits on some boards of the batch: those of which the net is sure, or else its surest one.

        Parameters
        ----------
        indices, cells, target
            From ``micro_batches``.
        logits : float tensor [board, n_cells, 9]
        """
        is_blank = target != NO_TARGET
        digit = target.clamp(min=0)
        probability = logits.detach().softmax(2).gather(2, digit[..., None])[..., 0] * is_blank
        # Sorted, since there is no maximum where no cell is asked for: [board, 1], or [board, 0].
        cutoff = probability.sort(1, descending=True).values[:, :1].clamp(max=FILL_THRESHOLD)
        filled = ((digit + 1) * (is_blank & (probability >= cutoff))).to(torch.uint8)
        if cells is not None:  # [board, 81] from [board, n_cells]
            everywhere = torch.zeros(len(filled), 81, dtype=torch.uint8, device=filled.device)
            filled = everywhere.scatter(1, cells, filled)
        self.next_quizzes[indices] += filled
