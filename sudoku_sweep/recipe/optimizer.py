"""How weights are changed: Muon for the matrices, AdamW for the rest, gradients clipped, a one-cycle learning rate."""

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.1  # of AdamW; of both optimizers
MUON_LR_SCALE = 10  # Muon's learning rate, as a multiple of AdamW's
WARMUP_FRACTION = 0.05  # share of the steps in which the learning rate rises
GRAD_CLIP = 1.0  # the largest norm of the gradient; a larger one is scaled down to it


class MuonWithAdamW:
    """Two of PyTorch's optimizers with their schedules, used like one: ``zero_grad()``, ``step()``.

    Muon: kellerjordan.github.io/posts/muon. Its author leaves the embedding and the output head to AdamW. Here Muon has
    them, too: at AdamW's rate the net ends with 0.81 of the blank cells right instead of 0.84 (medians of three seeds,
    ``python -m benchmarks.recipe``); only with ten times that rate for the two is AdamW as good.

    Parameters
    ----------
    model : nn.Module
    learning_rate : float
        The peak of AdamW's one-cycle schedule; Muon's is ``MUON_LR_SCALE`` times as high.
    n_steps : int
        How long the cycle is.
    """

    def __init__(self, model, learning_rate, n_steps):
        self.model = model
        matrices = [weight for weight in model.parameters() if weight.ndim == 2]
        others = [weight for weight in model.parameters() if weight.ndim != 2]
        # Three Newton-Schulz iterations instead of five: as good for matrices this small, and cheaper.
        muon = dict(momentum=0.9, ns_steps=3, adjust_lr_fn="match_rms_adamw")
        self.optimizers = [
            torch.optim.AdamW(others, learning_rate, BETAS, weight_decay=WEIGHT_DECAY, fused=True),
            torch.optim.Muon(matrices, MUON_LR_SCALE * learning_rate, WEIGHT_DECAY, **muon),
        ]
        total_steps = n_steps + 1
        warmup = max(WARMUP_FRACTION, 2 / total_steps)  # the first step at least
        cycle = dict(total_steps=total_steps, pct_start=warmup, cycle_momentum=False)
        self.schedules = [OneCycleLR(one, one.defaults["lr"], **cycle) for one in self.optimizers]

    @property
    def lr(self):
        """AdamW's learning rate in the step that follows; Muon's is ``MUON_LR_SCALE`` times as high."""
        return self.schedules[0].get_last_lr()[0]

    def zero_grad(self):
        """Forget the gradients of the last step."""
        self.model.zero_grad()

    def step(self):
        """Clip the gradients, change the weights, move on in the schedule."""
        clip_grad_norm_(self.model.parameters(), GRAD_CLIP)
        for optimizer, schedule in zip(self.optimizers, self.schedules, strict=True):
            optimizer.step()
            schedule.step()
