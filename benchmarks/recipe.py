"""How soon a net of the size of `quick` has learned, by recipe: ``python -m benchmarks.recipe`` prints a table.

All train by ``train.fit``; a recipe is what is replaced in it, and in its config. Three seeds, by turns, in one thread;
processor time of the training alone.
"""

from functools import partial
from statistics import median

import torch
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.measure import SIZES, config_of, learning_curve, patched, seconds_as_text, table
from sudoku_sweep import data, train
from sudoku_sweep.recipe import optimizer

SEEDS = (1, 2, 3)
_, SHAPE = SIZES["quick"]
STEPS_PER_SCORE = 20  # which are an epoch here
LEVELS = (0.5, 0.7)  # of the blank cells right
# the names that recipes replace
MUON = "torch.optim.Muon"
SCALE = "sudoku_sweep.recipe.optimizer.MUON_LR_SCALE"
DECAY = "sudoku_sweep.recipe.optimizer.WEIGHT_DECAY"
WARM_UP = "sudoku_sweep.recipe.optimizer.WARMUP_FRACTION"
SCHEDULE = "sudoku_sweep.recipe.optimizer.OneCycleLR"
OPTIMIZER = "sudoku_sweep.train.MuonWithAdamW"
LOOPS = "sudoku_sweep.train.loops_at"
LOSS = "sudoku_sweep.train.cross_entropy"


def config_of_recipe(seed, steps=400, batch_size=16, learning_rate=2.5e-3):
    """The config of a run that is scored every ``STEPS_PER_SCORE`` steps."""
    epochs = dict(epochs=steps // STEPS_PER_SCORE, steps_per_epoch=STEPS_PER_SCORE)
    others = dict(learning_rate=learning_rate, seed=seed, validate_every=1)
    return config_of(batch_size, SHAPE, **epochs, **others)


def adamw_for_all(matrices, lr, weight_decay, **_):
    """Stands in for Muon."""
    return AdamW(matrices, lr, optimizer.BETAS, weight_decay=weight_decay, fused=True)


def untuned_muon(matrices, lr, weight_decay, adjust_lr_fn, **_):
    """Muon with PyTorch's own momentum and number of steps, 0.95 and 5."""
    return Muon(matrices, lr, weight_decay, adjust_lr_fn=adjust_lr_fn)


class AdamWAtTheEnds(optimizer.MuonWithAdamW):
    """Embedding and head have AdamW, at ``scale`` times its learning rate; Muon has the matrices between them."""

    def __init__(self, model, learning_rate, n_steps, scale):
        super().__init__(model, learning_rate, n_steps)
        ends = [model.token_embedding.weight, model.head.weight]
        (group,) = self.optimizers[1].param_groups
        group["params"] = [w for w in group["params"] if all(w is not end for end in ends)]
        adamw = adamw_for_all(ends, scale * learning_rate, optimizer.WEIGHT_DECAY)
        cycle = dict(pct_start=optimizer.WARMUP_FRACTION, cycle_momentum=False)
        self.optimizers.append(adamw)
        self.schedules.append(OneCycleLR(adamw, scale * learning_rate, n_steps + 1, **cycle))


def all_loops(epoch, config):
    """As many loops in the first epoch as in the last."""
    return config.n_loops


def loss_of_last_loop(logits, target, cross_entropy=train.cross_entropy):
    """That of the other loops is left out."""
    return cross_entropy(logits[-1:], target)


# how each differs from train.fit
TUNED_MUON = {LOOPS: all_loops}
MUON_AS_IT_COMES = TUNED_MUON | {MUON: untuned_muon, DECAY: 0.01}
SHORT_WARM_UP = MUON_AS_IT_COMES | {MUON: adamw_for_all, SCALE: 1}
BEFORE = SHORT_WARM_UP | {WARM_UP: 0.3}
RECIPES = {  # name: (what is different in the config, in the code)
    "before": (dict(batch_size=64, learning_rate=5e-3), BEFORE),
    "batches of 16": (dict(learning_rate=5e-3), BEFORE),
    "... and a warm-up of 5 %": (dict(learning_rate=5e-3), SHORT_WARM_UP),
    "... and Muon, rate 2.5e-3": ({}, MUON_AS_IT_COMES),
    "... with momentum 0.9, decay 0.1, 3 steps": ({}, TUNED_MUON),
    "... and one loop in the first 20 %: **`fit`**": ({}, {}),
    "AdamW for all, rate 1e-2": (dict(learning_rate=1e-2), {MUON: adamw_for_all, SCALE: 1}),
    "AdamW for embedding and head, its rate": ({}, {OPTIMIZER: partial(AdamWAtTheEnds, scale=1)}),
    "... ten times its rate": ({}, {OPTIMIZER: partial(AdamWAtTheEnds, scale=10)}),
    "batches of 8, 700 steps": (dict(batch_size=8, steps=700), {}),
    "batches of 32, 260 steps": (dict(batch_size=32, steps=260), {}),
    "300 steps": (dict(steps=300), {}),
    "rate 5e-3": (dict(learning_rate=5e-3), {}),
    "warm-up 30 %": ({}, {WARM_UP: 0.3}),
    "linear schedule": ({}, {SCHEDULE: partial(OneCycleLR, anneal_strategy="linear")}),
    "weight decay 0.01": ({}, {DECAY: 0.01}),
    "ReLU": ({}, {"torch.nn.GELU": torch.nn.ReLU}),
    "loss of the last loop only": ({}, {LOSS: loss_of_last_loop}),
}


def main(seeds=SEEDS, steps=400):
    """Train with every recipe at every seed, and print medians."""
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    runs = {name: [] for name in RECIPES}
    for seed in seeds:
        for name, (settings, changes) in RECIPES.items():
            config = config_of_recipe(**{"seed": seed, "steps": steps, **settings})
            with patched(changes):
                curve = learning_curve(config, boards, validation)
            reached = [curve.seconds_to(level) for level in LEVELS]
            runs[name].append((*reached, *curve.points[-1]))
    rows = []
    for name, figures in runs.items():
        *times, rights = zip(*figures, strict=True)
        shown = [seconds_as_text(median(some)) for some in times]
        right = f"{median(rights):.2f} ({min(rights):.2f} to {max(rights):.2f})"
        rows.append([name, *shown, right])
    print(table(["recipe", "s to 50 %", "s to 70 %", "s in all", "right at the end"], rows))


if __name__ == "__main__":
    main()
