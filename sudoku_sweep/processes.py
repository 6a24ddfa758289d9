"""Several processes that train one net, each on its share of every batch; PyTorch's ``torchrun`` starts them."""

import os

import torch
from torch import distributed


def join():
    """Meet the other processes, if ``torchrun`` has started this one. Returns this one's number, from 0."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        distributed.init_process_group("gloo")
    return number()


def number():
    """Of this process, among those that train together; 0 if it is alone."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def how_many():
    """Processes that train together; 1 for one that is alone."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def add_up(model, *others):
    """Replace a model's gradients, and other tensors, by the sums over all processes."""
    if how_many() == 1:
        return
    weights = list(model.parameters())
    parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
    parts += others
    sums = torch.cat([part.flatten() for part in parts])
    distributed.all_reduce(sums)
    sums = sums.split([part.numel() for part in parts])
    for weight, gradient in zip(weights, sums[: len(weights)], strict=True):
        weight.grad = gradient.view_as(weight)
    for other, total in zip(others, sums[len(weights) :], strict=True):
        other.copy_(total.view_as(other))
