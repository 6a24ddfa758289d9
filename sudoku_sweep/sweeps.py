"""The sweep over learning rate and size of the net: its grid and presets, what one of its runs does, what it costs.

PyTorch is imported where a run trains, not before: it takes seconds, and who sets up a sweep does not need it.
"""

import functools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import wandb

from .config import Config
from .errors import ConfigError
from .values import duration

PROJECT = "sudoku-llm-hyperparameter-sweep"

FULL = {  # the grid of 240
    "method": "grid",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "parameters": {
        "learning_rate": {"values": [1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3]},
        "embedding_dim": {"values": [10, 15, 20, 30]},
        "attention_dim": {"values": [9, 18, 27, 36]},
        "n_heads": {"values": [1, 3, 9]},
        "epochs": {"value": 50},
        "batch_size": {"value": 512},
    },
}
BUDGET_NAMES = ("epochs", "batch_size", "steps_per_epoch", "validation_boards")


@dataclass(frozen=True)
class Preset:
    """How much of the full sweep to run: ``parameters`` replace entries of the sweep's own."""

    name: str
    description: str
    parameters: dict = field(default_factory=dict)

    @property
    def sweep_config(self):
        """The sweep configuration of this preset, named after it."""
        return FULL | {"name": self.name, "parameters": FULL["parameters"] | self.parameters}

    @property
    def budget(self):
        """The fixed values among the parameters that say how long one run trains, and on what it is scored."""
        parameters = self.sweep_config["parameters"]
        return {name: parameters[name]["value"] for name in BUDGET_NAMES if name in parameters}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            description="6 runs of 300 small steps, to see everything happen",
            parameters={
                "learning_rate": {"values": [1e-4, 1e-3, 5e-3]},
                "embedding_dim": {"value": 20},
                "attention_dim": {"values": [9, 36]},
                "n_heads": {"value": 3},
                "epochs": {"value": 10},
                "batch_size": {"value": 16},
                "steps_per_epoch": {"value": 30},
                "validation_boards": {"value": 128},
            },
        ),
        Preset(
            name="laptop",
            description="all 240 runs, 1,000 small steps each",
            parameters={
                "epochs": {"value": 10},
                "batch_size": {"value": 16},
                "steps_per_epoch": {"value": 100},
                "validation_boards": {"value": 500},
            },
        ),
        Preset(name="full", description="all 240 runs, 50 passes over 20,000 boards each"),
    )
}


def choose_preset(name=None):
    """The ``Preset`` of that name; without one, the environment's ``SUDOKU_PRESET``, else ``quick``."""
    name = name or os.environ.get("SUDOKU_PRESET") or "quick"
    if name not in PRESETS:
        raise ConfigError(f"no preset {name!r}: choose {', '.join(PRESETS)}")
    return PRESETS[name]


def train_with_wandb(training, validation, config=None, device=None, fit=None):
    """One run under W&B: train, log, and note in its summary the device, the commit and how long it took.

    Parameters
    ----------
    training, validation : Boards
    config : Config, optional
        In a sweep, the values that the agent brings replace those of ``config``.
    device : str, optional
        As for ``train.fit``.
    fit : callable, optional
        Default: ``train.fit``.

    Returns
    -------
    train.Result
    """
    from . import train

    os.environ.setdefault("WANDB_PROJECT", PROJECT)  # an agent sets its sweep's project
    with wandb.init(config=dict(config or Config())) as run:
        run.define_metric("*", step_metric="epoch")  # draw metrics over epochs, not over log calls
        run.summary.update({"device": device_name(device), "commit": commit()})
        fit = fit or train.fit
        result = fit(Config(**run.config), training, validation, log=run.log, device=device)
        run.summary["seconds"] = round(result.seconds, 3)
        run.summary["cpu_seconds"] = round(result.cpu_seconds, 3)
        return result


def device_name(device=None):
    """The device that a net is trained on, in words, with the number of threads and the version of PyTorch."""
    import torch

    from .train import default_device

    device = torch.device(device or default_device())
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    return f"{name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"


@functools.cache  # asked once per run, and an agent runs one version of the code
def commit():
    """The commit of this checkout, ``-dirty`` added if it was changed since; empty outside of one."""
    checkout = Path(__file__).resolve().parent.parent
    # not one further up, inside of which this package may be installed; no tags
    command = ["git", "--git-dir=.git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        asked = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    except FileNotFoundError:  # no git on this machine
        return ""
    return asked.stdout.strip()


def check_trainable(configurations):
    """Ask before a sweep starts, which may take hours: can all of these configurations be trained?

    Raises
    ------
    ConfigError
        They cannot, for instance because ``n_heads`` does not divide ``attention_dim``; says how many, and why.
    """
    refused = []
    for configuration in configurations:
        try:
            Config(**configuration)
        except ConfigError as error:
            refused.append(str(error))
    if refused:
        reasons = "; ".join(dict.fromkeys(refused))
        how_many = f"{len(refused)} of {len(configurations)} configurations"
        raise ConfigError(f"{how_many} cannot be trained: {reasons}")


def cost_line(n_runs, seconds_per_run):
    """What a sweep will take, in words, from the measured time of one run."""
    size = duration(n_runs * seconds_per_run)
    return f"{n_runs} runs x {seconds_per_run:.0f} s for one run on this machine = about {size}, one after the other"
