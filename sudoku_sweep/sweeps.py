"""The sweep over learning rate and size of the net: its grid, its presets, its cost, and where it runs."""

import itertools
import math
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field

from .distributions import LARGEST_GRID, choices, quantile, read
from .errors import SudokuError, SweepError
from .train import Config

PROJECT = "sudoku-llm-hyperparameter-sweep"

FULL = {
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


@dataclass(frozen=True)
class Preset:
    """How much of the full sweep to run.

    parameters : what replaces entries of the sweep's ``parameters``
    validation_boards : how many validation boards score a run; None for all
    """

    name: str
    what: str
    parameters: dict = field(default_factory=dict)
    validation_boards: int | None = None

    def sweep(self):
        """The sweep configuration of this preset, named after it."""
        return FULL | {"name": self.name, "parameters": FULL["parameters"] | self.parameters}

    @property
    def budget(self):
        """The fixed values among the parameters that say how long one run trains."""
        parameters = self.sweep()["parameters"]
        names = ("epochs", "batch_size", "steps_per_epoch")
        return {name: parameters[name]["value"] for name in names if name in parameters}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            what="6 runs of 400 small steps, to see everything happen",
            parameters={
                "learning_rate": {"values": [5e-4, 2.5e-3, 5e-3]},
                "embedding_dim": {"value": 20},
                "attention_dim": {"values": [9, 36]},
                "n_heads": {"value": 3},
                "epochs": {"value": 10},
                "batch_size": {"value": 64},
                "steps_per_epoch": {"value": 40},
            },
            validation_boards=256,
        ),
        Preset(
            name="laptop",
            what="all 240 runs, 1,000 small steps each",
            parameters={
                "epochs": {"value": 10},
                "batch_size": {"value": 64},
                "steps_per_epoch": {"value": 100},
            },
            validation_boards=500,
        ),
        Preset(name="full", what="all 240 runs, 50 passes over 20,000 boards each"),
    )
}


def choose_preset(name=None):
    """The ``Preset`` of that name; without one, the environment's ``SUDOKU_PRESET``, else ``quick``."""
    name = name or os.environ.get("SUDOKU_PRESET") or "quick"
    if name not in PRESETS:
        raise SweepError(f"no preset {name!r}: choose {', '.join(PRESETS)}")
    return PRESETS[name]


def grid_points(sweep_config):
    """Every configuration of a grid sweep, in W&B's order: names sorted, the last one changing fastest.

    Raises
    ------
    SweepError
        No parameters, no values, a continuous range, which a grid cannot enumerate, or a grid beyond all measure.
    """
    return [
        nest(dict(zip(leaves(sweep_config), point, strict=True)))
        for point in itertools.product(*_grid_values(sweep_config))
    ]


def grid_size(sweep_config):
    """The number of configurations in a grid."""
    return math.prod(map(len, _grid_values(sweep_config)))


def _grid_values(sweep_config):
    values = [choices(".".join(path), entry) for path, entry in leaves(sweep_config).items()]
    size = math.prod(map(len, values))
    if size > LARGEST_GRID:
        raise SweepError(
            f"a grid of {size:,} configurations: at most {LARGEST_GRID:,} can be listed; leave values out, or use "
            "method: random"
        )
    return values


def leaves(sweep_config):
    """The parameters of a sweep as ``{path: entry}``, in W&B's order: names sorted, nested ones inside.

    A path is a tuple of names, of one name unless the parameter is nested. A ``SweepError`` says what is missing.
    """
    parameters = sweep_config.get("parameters") if isinstance(sweep_config, dict) else None
    return dict(_walk((), parameters))


def _walk(above, parameters):
    where = f"parameter {'.'.join(above)}" if above else "a sweep configuration"
    if not isinstance(parameters, dict) or not parameters:
        raise SweepError(f"{where}: 'parameters' must be a dict that names at least one parameter")
    for name, entry in sorted(parameters.items(), key=lambda item: str(item[0])):
        path = (*above, str(name))
        if not isinstance(entry, dict):
            raise SweepError(
                f"parameter {'.'.join(path)}: give a dict such as {{'values': [1, 2]}}, not {entry!r}"
            )
        if "parameters" in entry:
            if len(entry) > 1:
                raise SweepError(
                    f"parameter {'.'.join(path)}: beside nested 'parameters' nothing else can stand"
                )
            yield from _walk(path, entry["parameters"])
        else:
            yield path, entry


def nest(values):
    """``{path: value}`` as a configuration: a dict, with dicts inside for nested parameters."""
    nested = {}
    for path, value in values.items():
        inside = nested
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        inside[path[-1]] = value
    return nested


def n_runs(sweep_config, count=None):
    """How many runs a sweep makes: its grid, its ``run_cap`` and ``count``, whichever ends it first.

    ``None`` if nothing ends it: methods other than grid go on until they are stopped.
    """
    cap = sweep_config.get("run_cap")
    for name, limit in (("run_cap", cap), ("count", count)):
        if limit is not None and (
            not isinstance(limit, int) or isinstance(limit, bool) or limit < 1
        ):
            raise SweepError(
                f"{name}={limit!r}: give a whole number of at least 1, or leave it out"
            )
    size = grid_size(sweep_config) if sweep_config.get("method") == "grid" else None
    return min((limit for limit in (size, cap, count) if limit is not None), default=None)


def check_sweep(sweep_config, count=None):
    """How many runs will be made, once all configurations are known to be trainable: ask before you start.

    Of a range (``min``, ``max``) both ends are tried; what lies between is checked when it is drawn. So are most of
    the combinations where there are more than ``LARGEST_GRID`` of them.

    Raises
    ------
    SweepError
        Configurations that cannot be trained, such as an attention_dim that n_heads does not divide, or a
        sweep without an end.
    """
    entries = leaves(sweep_config)
    if sweep_config.get("method") == "grid":
        points = grid_points(sweep_config)
    else:
        tried = {path: _to_try(".".join(path), entry) for path, entry in entries.items()}
        tried = {path: values for path, values in tried.items() if values is not None}
        points = [nest(dict(zip(tried, point, strict=True))) for point in _combinations(tried)]
    refused = []
    for point in points:
        try:
            Config.of(point)
        except SudokuError as error:
            refused.append(str(error))
    if refused:
        reasons = "; ".join(dict.fromkeys(refused))
        raise SweepError(
            f"{len(refused)} of {len(points)} configurations cannot be trained: {reasons}"
        )
    planned = n_runs(sweep_config, count)
    if planned is None:
        raise SweepError(
            "this sweep never ends by itself: set COUNT, or a run_cap in its configuration"
        )
    return planned


def _combinations(tried):
    """All combinations of one value per parameter; of very many, some at random."""
    if math.prod(map(len, tried.values())) <= LARGEST_GRID:
        return itertools.product(*tried.values())
    draw = random.Random(0)
    return ([draw.choice(values) for values in tried.values()] for _ in range(LARGEST_GRID))


def _to_try(name, entry):
    """The values of one parameter that are worth checking; None if its distribution has no ends."""
    kind, arguments = read(name, entry)
    if kind == "constant" or kind.startswith("categorical"):
        return [arguments["value"]] if kind == "constant" else arguments["values"]
    if "min" in arguments:
        return [quantile(name, entry, 0), quantile(name, entry, 1)]
    return None


def cost_line(n_runs, seconds_per_run):
    """What a sweep will take, in words, from the measured time of one run."""
    total = n_runs * seconds_per_run
    size = (
        f"{total:.0f} s"
        if total < 90
        else f"{total / 60:.0f} min"
        if total < 5400
        else f"{total / 3600:.1f} h"
    )
    return f"{n_runs} runs x {seconds_per_run:.0f} s for one run on this machine = about {size}, one after the other"


LOGIN_SECONDS = 10
NO_KEY = 3
LOGIN = f"""
import os, wandb
try:
    status = 0 if wandb.login(prompt=False) else {NO_KEY}
except Exception:
    status = 1
os._exit(status)
"""

# What wandb is told, unless the reader has told it something else.
OFFLINE = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",  # else a dozen lines per run and more, with the path of its folder
}
ONLINE = {
    "WANDB_QUIET": "true",  # links and warnings, no more
    "WANDB_INIT_TIMEOUT": "30",  # seconds; by default 90
    "WANDB_FINISH_TIMEOUT": "60",  # seconds; by default a cell waits for a lost server for ever
}

_set_here = {}  # of these, what choose_backend has set by itself


def choose_backend():
    """``wandb`` if it can be used, else ``sudoku_sweep.local``, which has the same ``sweep`` and ``agent``.

    Never asks anything. ``WANDB_MODE=offline`` is respected, and so is what ``wandb offline`` or ``wandb disabled``
    has written into the folder's settings; otherwise ``wandb.login(prompt=False)`` decides,
    under a time limit of ten seconds (``WANDB_HTTP_TIMEOUT`` if set) and some for the start. Without a key,
    with one that W&B refuses, or without a network, runs stay on this machine, and one printed line says why
    and how to change it. How much wandb prints and how long it waits is set to ``OFFLINE`` or ``ONLINE``.
    """
    import wandb

    from . import local

    for name, value in _set_here.items():  # the reader may have logged in since
        if os.environ.get(name) == value:
            del os.environ[name]
    wandb.teardown()  # wandb reads environment and settings once; its next use reads them again
    chosen = os.environ.get("WANDB_MODE")
    mode = chosen or wandb.setup().settings.mode
    if mode != "online":
        undo = "Unset it" if chosen else "Run `wandb online` in a terminal"
        what = "WANDB_MODE is" if chosen else "here W&B was set to"
        print(f"{what} {mode}: no account is used. {undo} to use yours.")
        backend = local
    elif reason := _why_not_online():
        print(
            f"{reason}: runs stay on this machine. To use an account, run `wandb login` in a terminal."
        )
        backend = local
    else:
        print("Logged in: runs and sweeps go to your W&B account.")
        print(
            "If wandb warns that data was not uploaded, `wandb sync --include-online` does it later."
        )
        backend = wandb
    settings = ONLINE if backend is wandb else OFFLINE
    if mode == "disabled":
        settings = OFFLINE | {"WANDB_MODE": mode}
    _set_here.clear()
    _set_here.update({name: value for name, value in settings.items() if not os.environ.get(name)})
    os.environ.update(_set_here)
    wandb.teardown()
    return backend


def _why_not_online():
    """Why W&B's server cannot be used; None if it can.

    Asked in a process of its own, which can be ended: where the server does not answer, wandb's service
    process may go on trying, and waiting for its end may take for ever.
    """
    limit = math.ceil(float(os.environ.get("WANDB_HTTP_TIMEOUT") or LOGIN_SECONDS))
    try:
        status = subprocess.run(
            [sys.executable, "-c", LOGIN],
            env=os.environ | {"WANDB_HTTP_TIMEOUT": str(limit), "WANDB_SILENT": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=limit + 10,  # for starting Python and importing wandb
        ).returncode
    except subprocess.TimeoutExpired:
        return "W&B did not answer"
    if status == NO_KEY:
        return "No W&B key found"
    return f"W&B did not accept the login, or did not answer within {limit} s" if status else None
