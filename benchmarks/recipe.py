"""How soon a net of the quick size has learned, by recipe: ``python -m benchmarks.recipe`` prints a table.

Each recipe is another with one thing changed. Three seeds, by turns, in one thread; processor time of the training
alone, so the clock stands still while the net is scored.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.measure import config_of, learning_curve, seconds_to, table
from sudoku_sweep import data, train

SEEDS = (1, 2, 3)
SHAPE = (20, 36, 3)  # embedding_dim, attention_dim, n_heads
SCORE_EVERY = 20  # steps
LEVELS = (0.5, 0.7)  # of the blank cells right


def one_cycle(optimizer, peak, recipe, shape="cos"):
    """Up to the peak and down to nothing, the rest of the run long."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        peak,
        total_steps=recipe.steps + 1,
        pct_start=recipe.warm_up,
        anneal_strategy=shape,
        cycle_momentum=False,
    )


def constant(optimizer, peak, recipe):
    """Up to the peak, and down in the last 30 % only, in straight lines."""

    def share(step):
        return min(1, (step + 1) / recipe.steps / recipe.warm_up, (1 - step / recipe.steps) / 0.3)

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


@dataclass(frozen=True)
class Recipe:
    """How a net is trained; the defaults are what ``train.fit`` did before this study, ``WINNER`` is what it does."""

    batch_size: int = 64
    steps: int = 400
    rate: float = 5e-3
    warm_up: float = 0.3  # share of the steps
    schedule: Callable = one_cycle
    betas: tuple = (0.9, 0.99)
    decay: float = 0.01
    # Muon's rate for the matrices, as a multiple; 0: AdamW for all
    muon: int = 0
    momentum: float = 0.95
    ns_steps: int = 5
    # share of the steps in which the net makes one pass only
    one_pass: float = 0.0
    # what changes the untrained net, or the loss of its cells
    change_net: Callable | None = None
    cell_losses: Callable = train.cell_losses

    def optimizers(self, net):
        """AdamW, and Muon if asked for."""
        weights = list(net.parameters())
        matrices = [weight for weight in weights if weight.ndim == 2 and self.muon]
        others = [weight for weight in weights if weight.ndim != 2 or not self.muon]
        adamw = dict(lr=self.rate, betas=self.betas, weight_decay=self.decay, fused=True)
        found = [torch.optim.AdamW(others, **adamw)]
        if matrices:
            muon = dict(lr=self.muon * self.rate, momentum=self.momentum, ns_steps=self.ns_steps)
            muon |= dict(weight_decay=self.decay, adjust_lr_fn="match_rms_adamw")
            found.append(torch.optim.Muon(matrices, **muon))
        return found


def relu(net):
    net.mlp[1] = nn.ReLU()


@torch.no_grad()
def small_queries_and_keys(net):
    net.query.weight.mul_(0.5)
    net.key.weight.mul_(0.5)


@torch.no_grad()
def keys_start_as_queries(net):
    net.key.weight.copy_(net.query.weight)


@torch.no_grad()
def small_embedding(net):
    net.digit.weight.mul_(0.5)


def loss_of_the_last_pass(scores, target):
    return F.cross_entropy(scores[-1].flatten(0, 1), target.flatten(), reduction="none").view_as(
        target
    )


BEFORE = Recipe()
SMALL_BATCHES = replace(BEFORE, batch_size=16)
SHORT_WARM_UP = replace(SMALL_BATCHES, warm_up=0.05)
MUON = replace(SHORT_WARM_UP, rate=2.5e-3, muon=10)
TUNED_MUON = replace(MUON, momentum=0.9, ns_steps=3, decay=0.1)
WINNER = replace(TUNED_MUON, one_pass=0.2)
RECIPES = {
    "before": BEFORE,
    "batches of 16": SMALL_BATCHES,
    "... and a warm-up of 5 %": SHORT_WARM_UP,
    "... and Muon, rate 2.5e-3": MUON,
    "... with momentum 0.9, decay 0.1, 3 steps": TUNED_MUON,
    "... and one pass in the first 20 %: **winner**": WINNER,
    "winner, 300 steps": replace(WINNER, steps=300),
    "winner, 200 steps": replace(WINNER, steps=200),
    "AdamW for all, rate 1e-2": replace(WINNER, muon=0, rate=1e-2),
    "batches of 8, 700 steps": replace(WINNER, batch_size=8, steps=700),
    "batches of 32, 250 steps": replace(WINNER, batch_size=32, steps=250),
    "warm-up 30 %": replace(WINNER, warm_up=0.3),
    "linear": replace(WINNER, schedule=partial(one_cycle, shape="linear")),
    "constant, then down": replace(WINNER, schedule=constant),
    "weight decay 0.01": replace(WINNER, decay=0.01),
    "rate 5e-3": replace(WINNER, rate=5e-3),
    "betas 0.9, 0.95": replace(WINNER, betas=(0.9, 0.95)),
    "ReLU": replace(WINNER, change_net=relu),
    "queries and keys start half as large": replace(WINNER, change_net=small_queries_and_keys),
    "keys start as queries": replace(WINNER, change_net=keys_start_as_queries),
    "digits start half as large": replace(WINNER, change_net=small_embedding),
    "loss of the last pass only": replace(WINNER, cell_losses=loss_of_the_last_pass),
}


def learn(recipe, seed, boards):
    """Train one net; yields it every ``SCORE_EVERY`` steps, and at the end, with all its passes."""
    config = config_of(recipe.batch_size, 2, SHAPE, recipe.steps, seed=seed)
    net = train.build_model(config)
    if recipe.change_net:
        recipe.change_net(net)
    optimizers = recipe.optimizers(net)
    schedules = [recipe.schedule(each, each.defaults["lr"], recipe) for each in optimizers]
    tensors, generator = train.to_tensors(boards, "cpu"), torch.Generator().manual_seed(seed)
    for step, batch in enumerate(train.epoch_batches(config, *tensors, generator)):
        net.n_loops = 1 if step < recipe.one_pass * recipe.steps else config.n_loops
        train.training_step(net, optimizers, *batch)
        for schedule in schedules:
            schedule.step()
        if (step + 1) % SCORE_EVERY == 0 or step + 1 == recipe.steps:
            net.n_loops = config.n_loops
            yield net


def main(arguments=None):
    """Train with every recipe at every seed, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three recipes, two steps, one seed")
    quick = parser.parse_args(arguments).quick
    torch.set_num_threads(1)
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    recipes, seeds = RECIPES, SEEDS
    if quick:
        names = list(RECIPES)
        recipes = {
            name: replace(RECIPES[name], steps=2) for name in (names[0], names[5], names[-1])
        }
        seeds, validation = SEEDS[:1], validation.first(8)
    runs = {name: [] for name in recipes}
    for seed in seeds:
        for name, recipe in recipes.items():
            train.cell_losses, kept = recipe.cell_losses, train.cell_losses
            points = learning_curve(learn(recipe, seed, boards), validation)
            reached = [seconds_to(level, points) for level in LEVELS]
            runs[name].append((*reached, *points[-1]))
            train.cell_losses = kept
    rows = []
    for name, figures in runs.items():
        *seconds, rights = zip(*figures, strict=True)
        times = [f"{median(part):.1f}" if median(part) < math.inf else "-" for part in seconds]
        rows.append(
            [name, *times, f"{median(rights):.2f} ({min(rights):.2f} to {max(rights):.2f})"]
        )
    print(table(["recipe", "s to 50 %", "s to 70 %", "s in all", "right at the end"], rows))


if __name__ == "__main__":
    main()
