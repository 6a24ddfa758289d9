import datetime
import json
import os
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_sweep import GRID

from sudoku_sweep import local
from sudoku_sweep.local import SweepError, configuration, search
from sudoku_sweep.local.distributions import DISTRIBUTIONS, Parameter
from sudoku_sweep.local.hyperband import Hyperband
from sudoku_sweep.local.metric import Metric

HUGE = {"a": {"min": 1, "max": 10**9}, "b": {"min": 0, "max": 10**9}, "c": {"values": [1, 2]}}


def test_a_grid_is_a_sequence_and_a_huge_one_is_never_listed():
    grid = local.grid({"method": "grid", "parameters": HUGE})
    first, second = {"a": 1, "b": 0, "c": 1}, {"a": 1, "b": 0, "c": 2}
    assert len(grid) == grid.size == 2 * 10**9 * (10**9 + 1)
    assert grid[2 * (10**9 + 1) * 10**8 + 5] == {"a": 10**8 + 1, "b": 2, "c": 2}
    assert grid[-1] == {"a": 10**9, "b": 10**9, "c": 2}
    assert grid[:2] == [first, second] and second in grid
    with pytest.raises(IndexError):
        grid[grid.size]


@pytest.mark.parametrize("method", ["grid", "random"])
def test_what_is_checked_before_a_sweep_is_bounded(monkeypatch, method):
    monkeypatch.setattr(configuration, "MANY", 50)
    many = {f"p{at}": {"min": at, "max": at + 1} for at in range(70)}
    points = local.configurations({"method": method, "parameters": many})
    assert len(points) == 50 and {point["p3"] for point in points} == {3, 4}


def test_what_is_checked_is_what_a_grid_runs_and_the_ends_of_ranges_otherwise():
    assert local.configurations(GRID) == list(local.grid(GRID))
    first = {"method": "grid", "run_cap": 2, "parameters": HUGE}
    assert local.configurations(first) == local.grid(first)[:2]
    parameters = {"x": {"min": 1.0, "max": 3.0}, "k": {"values": ["u", "v"]}, "f": {"value": 1}}
    parameters |= {"n": {"distribution": "normal"}}  # without ends
    ends = [{"f": 1, "k": k, "x": x} for k in "uv" for x in (1.0, 3.0)]
    assert local.configurations({"method": "random", "parameters": parameters}) == ends


def test_a_sweep_is_as_long_as_whatever_ends_it_first():
    random = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    assert local.n_runs(GRID) == 6 and local.n_runs(GRID, count=5) == 5
    assert local.n_runs(GRID | {"run_cap": 4}, count=500) == 4
    assert local.n_runs(random) is None and local.n_runs(random | {"run_cap": 3}) == 3
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(SweepError, match="count is"):
            local.n_runs(GRID, count=wrong)


RANDOM = {"method": "random", "run_cap": 2, "parameters": {"a": {"min": 1, "max": 9}}}
HYPERBAND = {"type": "hyperband", "min_iter": 1}
ODDS = {"values": [1, 2], "probabilities": [0.5, 0.5]}  # no grid, as in W&B's engine


def of(entry):
    return GRID | {"parameters": {"a": entry}}


def stopped_by(**rules):
    return GRID | {"early_terminate": {"type": "hyperband"} | rules}


@pytest.mark.parametrize(
    "config, word",
    [
        (None, "a sweep configuration is None: give a dict with method, parameters"),
        ({"method": "grid"}, ".*give parameters, at least one"),
        ({"parameters": GRID["parameters"]}, "method: Field required"),
        (GRID | {"method": "hill-climbing"}, "method is 'hill.*'grid', 'random', 'bayes' or"),
        (GRID | {"parameters": {}}, ".*give parameters, at least one"),
        (of({"parameters": {"b": {"value": 1}}, "min": 1}), ".*beside"),
        (of({"min": 0.0, "max": 1.0}), ".* for a; .*method: random"),
        (of(ODDS), ".* for a; .*method: random"),
        (of({"parameters": {"b": {"max": 1}}}), r"parameters\.a\.parameters\.b: give"),
        (GRID | {"command": "python train.py"}, "command is 'python .*: it should be a valid list"),
        (GRID | {"run_cap": 5.5}, "run_cap is 5.5: it should be a valid integer"),
        (GRID | {"controller": {"type": "mine"}}, "controller.type .*'local' or 'cloud'"),
        (GRID | {"job": []}, "a sweep .*: there is no 'job' here, only on W&B's server"),
        (GRID | {"metrics": [GRID["metric"]]}, ".*several metrics need method: custom and sch"),
        (GRID | {"paramaters": {}}, r".* no 'paramaters' \(did you mean parameters\?\); there are"),
        (of({"mn": 1, "max": 2}), r"parameters\.a: there is no 'mn' \(did you mean min\?\)"),
        (GRID | {"early_stop": {}}, "a sweep .*: there is no 'early_stop'; there are method"),
        (GRID | {"name": datetime.date(2026, 10, 1)}, "name is datetime.*a valid string"),
        (GRID | {"metric": "score"}, "metric is 'score': give a dict with name, goal"),
        (GRID | {"metric": {"name": "a", "goal": "max"}}, "metric.goal .*'minimize' or 'maximize'"),
        (GRID | {"metric": {"name": "a", "target": "high"}}, "metric.target is 'high': give a num"),
        (RANDOM | {"early_terminate": HYPERBAND}, ".*early_terminate needs a metric"),
        (RANDOM | {"method": "bayes"}, ".*method bayes needs a metric"),
        (of({"value": 1}) | {"method": "bayes"}, ".*nothing to search"),
        (stopped_by(min_iter=1, max_iter=27), "early_terminate: give min_iter and no max_iter"),
        (stopped_by(min_iter=0), "early_terminate.min_iter is 0: it should be greater"),
        (stopped_by(min_iter=1, eta=1), "early_terminate.eta is 1: .* or equal to 1.01"),
        (stopped_by(min_iter=1, strict="yes"), "early_terminate.strict is 'yes'"),
        (stopped_by(max_iter=2, s=3, eta=3), ".*: max_iter is too small for a band"),
    ],
)
def test_a_sweep_that_cannot_be_run_is_refused_and_nothing_is_written(config, word, in_tmp_path):
    with pytest.raises(SweepError, match=f"^{word}"):
        local.sweep(config)
    assert os.listdir() == []


def test_what_wandb_takes_and_means_little_here_is_taken():
    taken = {"controller": {"type": "local"}, "apiVersion": "1.0", "kind": "sweep"}
    taken |= {"program": "train.py", "command": None, "description": None}
    taken |= {"metric": {"name": "score", "impute_while_running": "latest"}}
    for rules in ({"min_iter": 3.0, "s": 2}, {"min_iter": 5, "max_iter": 27, "s": 2}):
        assert local.n_runs(stopped_by(**rules) | taken) == 6
    mixed = {"min": 0, "max": 1.5, "distribution": "uniform"}
    nested = {"in": {"parameters": {"a": {"min": 0, "max": 1.5}}}, "b": mixed}
    assert local.n_runs(RANDOM | {"run_cap": 5.0, "parameters": nested}) == 5


def exponents(kind, low, high):
    return {"distribution": f"{kind}log_uniform", "min": low, "max": high}


TEXT = "note: runs get text, not a number, for {}; for a number, write it without quotes in Python"


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"values": [1e-4, "1e-5", "2e-5"]}, TEXT.format('a "1e-5"')),
        ({"parameters": {"b": {"value": "3E4"}}}, TEXT.format('a.b "3E4"')),
        (exponents("", 1e-5, 0.1), "note: a goes from 1 to 1.105, .*for 1e-05 to 0.1 write log_un"),
        (exponents("", 1e-4, 10), "note: a goes from 1 to 2.203e.04, .* exponents of e"),
        (exponents("q_", 16, 128), "note: a goes from 8.886e.06 .*write q_log_uniform_values"),
        (exponents("inv_", 0, 1), "note: a goes from 0.3679 to 1, .*write inv_log_uniform_values"),
        (exponents("", -9, -2), None),
        ({"values": ["v1e5", "1e5x", "3", 1e-5]}, None),
    ],
)
def test_what_is_taken_but_may_not_be_meant_is_said_in_one_line(entry, said, in_tmp_path, capsys):
    local.sweep(RANDOM | {"parameters": {"a": entry, "f": {"value": 1}}})
    _, *notes = capsys.readouterr().out.splitlines()
    assert len(notes) == bool(said) and all(re.match(said, note) for note in notes)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
numbers = st.integers(-3, 40) | st.sampled_from([0.0, 0.5, 1.0, 1e-5, "1e-5", 10**400]) | scalars


def some_of(model, kind, /, **others):
    """Dicts with some keys of a model, and whatever stands there or should not."""
    kinds = {name: others.get(name, kind) | anything for name in model.model_fields}
    required = {name: kinds.pop(name) for name in ("method", "parameters") if name in others}
    return st.fixed_dictionaries(required, optional=kinds)


entries = some_of(
    Parameter,
    numbers,
    distribution=st.sampled_from([*DISTRIBUTIONS]),
    values=st.lists(scalars, max_size=4),
    probabilities=st.lists(st.sampled_from([0, 0.25, 0.5, 1.0]), max_size=4),
)
ends = st.fixed_dictionaries({"min": numbers, "max": numbers})
names = st.sampled_from(["a", "b.c"]) | st.text(max_size=4)
configs = some_of(
    configuration.SweepConfig,
    scalars,
    method=st.sampled_from(["grid", "random", "bayes"]),
    parameters=st.dictionaries(names, entries | ends | anything, max_size=4),
    metric=some_of(Metric, st.sampled_from(["score", "maximize", "best", 1])),
    early_terminate=some_of(Hyperband, numbers, type=st.just("hyperband")),
)
NAMED = "|".join(["a sweep configuration", *configuration.SweepConfig.model_fields])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(configs | anything)
def test_any_configuration_is_taken_or_refused_in_words_that_name_the_place(in_tmp_path, config):
    try:
        size = local.n_runs(config)
        local.sweep(config)
    except SweepError as refusal:
        assert re.search(NAMED, str(refusal)) and "Traceback" not in str(refusal)
        return
    space = local.read_config(config)
    for number in range(min(size or 3, 3)):
        values = search.to_config(space, search.propose(space, 7, number, []))
        assert json.dumps(values) and yaml.safe_dump(values)
    assert len(local.configurations(config)) <= configuration.MANY
