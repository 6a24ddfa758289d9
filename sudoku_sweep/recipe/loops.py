"""Few loops at first: they are cheaper than all, and enough to begin with."""

import math

GROWTH_FRACTION = 0.4  # share of the epochs in which the loops grow in number, from one to all


def loops_at(epoch, config):
    """How many loops the net makes in an epoch, counted from 1."""
    return min(config.n_loops, math.ceil(config.n_loops * epoch / config.epochs / GROWTH_FRACTION))
