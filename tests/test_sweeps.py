from pathlib import Path

import pytest
import yaml
from tiny_sweep import ENGINE

from sudoku_sweep import local, sweeps
from sudoku_sweep.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def test_the_grid_is_the_same_wherever_it_stands():
    written = yaml.safe_load((ROOT / "sweep.yaml").read_text("utf-8"))
    assert {name: written[name] for name in sweeps.FULL} == sweeps.FULL
    assert ENGINE["grids"][0]["parameters"] == sweeps.FULL["parameters"]


RATE = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}


@pytest.mark.parametrize(
    "method, parameters, said",
    [
        (
            "grid",
            {"attention_dim": {"values": [27, 10]}, "n_heads": {"value": 3}},
            "1 of 2 conf.* cannot .* mult",
        ),
        (
            "grid",
            {"learning_rate": {"values": [1e-3, "1e-5"]}},
            "1 of 2 .*='1e-5' is text, .* YAML",
        ),
        ("grid", {"dropout": {"value": 0.1}}, "no hyperparameter dropout"),
        ("random", {"epochs": {"min": 0, "max": 5}}, "cannot be trained: epochs=0"),
        ("random", {"learning_rate": RATE | {"min": -1.0, "distribution": "uniform"}}, "=-1.0"),
    ],
)
def test_a_sweep_that_cannot_be_trained_is_refused_before_it_starts(method, parameters, said):
    with pytest.raises(ConfigError, match=said):
        sweeps.check_trainable(local.configurations({"method": method, "parameters": parameters}))
    trainable = {"method": "random", "parameters": {"learning_rate": RATE}}
    sweeps.check_trainable(local.configurations(trainable))


@pytest.mark.parametrize("name", sweeps.PRESETS)
def test_every_preset_is_a_sweep_that_can_be_trained(name):
    preset = sweeps.PRESETS[name]
    config = preset.sweep_config
    sweeps.check_trainable(local.configurations(config))
    assert local.n_runs(config) == (6 if name == "quick" else 240)
    assert f"{6 if name == 'quick' else 'all 240'} runs" in preset.description
    fixed = {name: spec["value"] for name, spec in config["parameters"].items() if "value" in spec}
    assert preset.budget.items() <= fixed.items() and {"epochs", "batch_size"} <= set(preset.budget)


def test_presets_are_chosen_by_argument_then_environment_and_quick_is_the_default(monkeypatch):
    monkeypatch.setenv("SUDOKU_PRESET", "laptop")
    assert sweeps.choose_preset("full").name == "full"
    assert sweeps.choose_preset().name == "laptop"
    monkeypatch.delenv("SUDOKU_PRESET")
    assert sweeps.choose_preset().name == "quick"
    with pytest.raises(ConfigError, match="no preset 'fast': choose quick, laptop, full"):
        sweeps.choose_preset("fast")


def test_the_cost_line_is_in_units_that_one_can_picture():
    assert "5 runs x 2 s" in sweeps.cost_line(5, 2) and "about 10 s" in sweeps.cost_line(5, 2)
    assert "40 min" in sweeps.cost_line(240, 10) and "3.0 h" in sweeps.cost_line(240, 45)
