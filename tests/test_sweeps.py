import itertools
import subprocess
import sys

import pytest

from sudoku_sweep import local, sweeps
from sudoku_sweep.local import SweepError


def test_the_full_grid_has_240_runs_and_all_of_them_can_be_trained():
    points = local.grid_points(sweeps.FULL)
    assert (
        local.grid_size(sweeps.FULL)
        == sweeps.check_sweep(sweeps.FULL)
        == len(points)
        == 240
        == 5 * 4 * 4 * 3
    )
    assert all(point["attention_dim"] % point["n_heads"] == 0 for point in points)
    assert {point["epochs"] for point in points} == {50} and {
        point["batch_size"] for point in points
    } == {512}


def test_grid_order_sorts_names_and_changes_the_last_one_fastest():
    config = {"parameters": {"b": {"values": [2, 1]}, "a": {"values": [7, 8]}, "c": {"value": 0}}}
    assert local.grid_points(config) == [
        {"a": a, "b": b, "c": 0} for a, b in itertools.product([7, 8], [2, 1])
    ]


@pytest.mark.parametrize(
    "parameters, word",
    [
        (
            {"attention_dim": {"values": [9, 10]}, "n_heads": {"values": [3]}},
            "1 of 2 .* multiple of n_heads",
        ),
        ({"epochs": {"value": -1}}, "epochs=-1"),
        ({"learning_rate": {"values": []}}, r"learning_rate: 'values' is \[\]"),
        ({"learning_rate": {"values": "abc"}}, "'values' is 'abc'"),
        (
            {"learning_rate": {"min": 0.1, "max": 0.2}},
            "a grid needs 'values'.* not a uniform range",
        ),
        ({"learning_rate": 0.1}, "learning_rate: give a dict"),
        ({"dropout": {"value": 0.1}}, "no hyperparameter dropout"),
        ({}, "at least one parameter"),
    ],
)
def test_a_grid_that_cannot_be_trained_is_refused_before_it_starts(parameters, word):
    with pytest.raises(SweepError, match=word):
        sweeps.check_sweep({"method": "grid", "parameters": parameters})


def test_a_sweep_is_as_long_as_whatever_ends_it_first():
    random = {"method": "random", "parameters": {"learning_rate": {"min": 0.001, "max": 0.01}}}
    assert sweeps.check_sweep(sweeps.FULL, count=5) == 5
    assert sweeps.check_sweep(sweeps.FULL | {"run_cap": 7}, count=500) == 7
    assert sweeps.check_sweep(random, count=20) == 20
    assert sweeps.check_sweep(random | {"run_cap": 3}) == 3
    with pytest.raises(SweepError, match="never ends"):
        sweeps.check_sweep(random)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(SweepError, match="count="):
            sweeps.check_sweep(sweeps.FULL, count=wrong)


@pytest.mark.parametrize(
    "name, spec, accepted",
    [
        ("epochs", {"min": 0, "max": 5}, False),
        ("epochs", {"min": 1, "max": 5}, True),
        ("learning_rate", {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, True),
        ("learning_rate", {"distribution": "log_uniform", "min": -9.0, "max": -4.6}, True),
        ("learning_rate", {"distribution": "q_uniform", "min": -0.1, "max": 0.1, "q": 0.1}, False),
    ],
)
def test_both_ends_of_a_range_are_checked(name, spec, accepted):
    config = {"method": "bayes", "run_cap": 2, "parameters": {name: spec}}
    if accepted:
        assert sweeps.check_sweep(config) == 2
    else:
        with pytest.raises(SweepError, match="cannot be trained"):
            sweeps.check_sweep(config)


def test_no_configuration_at_all_is_refused():
    for wrong in (None, [], {"method": "grid"}):
        with pytest.raises(SweepError, match="'parameters'"):
            local.grid_points(wrong)


BUDGET = ("epochs", "batch_size", "steps_per_epoch")


@pytest.mark.parametrize("name", sweeps.PRESETS)
def test_every_preset_is_a_sweep_that_can_be_trained(name):
    preset = sweeps.PRESETS[name]
    parameters = sweeps.FULL["parameters"] | preset.parameters
    assert sweeps.check_sweep(sweeps.FULL | {"parameters": parameters}) == {"quick": 6}.get(
        name, 240
    )
    assert preset.budget == {
        name: spec["value"]
        for name, spec in parameters.items()
        if name in BUDGET and "value" in spec
    }
    assert f"{6 if name == 'quick' else 'all 240'} runs" in preset.what


def test_presets_are_chosen_by_argument_then_environment_and_quick_is_the_default(monkeypatch):
    monkeypatch.setenv("SUDOKU_PRESET", "laptop")
    assert sweeps.choose_preset().name == "laptop"
    assert sweeps.choose_preset("full").name == "full"
    monkeypatch.delenv("SUDOKU_PRESET")
    assert sweeps.choose_preset().name == "quick"
    with pytest.raises(SweepError, match="no preset 'fast': choose quick, laptop, full"):
        sweeps.choose_preset("fast")


def test_the_cost_line_is_in_units_that_one_can_picture():
    assert "6 runs x 5 s" in sweeps.cost_line(6, 5.0) and "about 30 s" in sweeps.cost_line(6, 5.0)
    assert "about 4 min" in sweeps.cost_line(6, 40.0)
    assert "about 40.0 h" in sweeps.cost_line(240, 600.0)


def test_importing_the_package_imports_neither_wandb_nor_matplotlib_nor_pandas():
    slow = {"wandb", "matplotlib", "pandas", "sklearn"}
    code = f"import sys, sudoku_sweep.sweeps; print({slow} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"
