"""Three functions with known minima, as sweeps: what search methods are compared on. Plain Python only."""

import math


def branin(config):
    """Branin's function of two numbers; its minimum is 0.3979."""
    x, y = config["x"], config["y"]
    valley = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


WEIGHTS = (1.0, 1.2, 3.0, 3.2)
SLOPES = ((3, 10, 30), (0.1, 10, 35), (3, 10, 30), (0.1, 10, 35))
CENTRES = (
    (0.3689, 0.1170, 0.2673),
    (0.4699, 0.4387, 0.7470),
    (0.1091, 0.8732, 0.5547),
    (0.0381, 0.5743, 0.8828),
)


def hartmann(config):
    """Hartmann's function of three numbers; its minimum is -3.8628."""
    at = (config["x"], config["y"], config["z"])
    peaks = zip(WEIGHTS, SLOPES, CENTRES, strict=True)
    return -sum(
        weight * math.exp(-sum(a * (x - p) ** 2 for a, x, p in zip(slope, at, centre, strict=True)))
        for weight, slope, centre in peaks
    )


def training(config):
    """Made up to look like a training run: a rate by ratio, a width in whole numbers, heads; its minimum is 0."""
    rate = math.log(config["learning_rate"] / 3e-3)
    width = (config["width"] - 24) / 20
    heads = {1: 0.3, 3: 0.0, 9: 0.1}[config["heads"]]
    return 0.4 * rate**2 + (width + 0.3 * rate) ** 2 + heads


def _between(low, high):
    return {"distribution": "uniform", "min": low, "max": high}


SURFACES = {
    "branin": (branin, {"x": _between(-5.0, 10.0), "y": _between(0.0, 15.0)}),
    "hartmann": (hartmann, {name: _between(0.0, 1.0) for name in "xyz"}),
    "training": (
        training,
        {
            "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
            "width": {"min": 4, "max": 64},
            "heads": {"values": [1, 3, 9]},
        },
    ),
}
RUNS, SEEDS = 20, 20


def sweep_of(method, parameters):
    """The sweep over a surface; what it logs is called ``loss``."""
    metric = {"name": "loss", "goal": "minimize"}
    return {"method": method, "metric": metric, "parameters": parameters}
