import json
import math

import numpy as np
import pytest
from tiny_sweep import ENGINE

from sudoku_sweep import local
from sudoku_sweep.local import Run, read_config, search
from sudoku_sweep.local.metric import Metric


@pytest.mark.parametrize("case", ENGINE["grids"], ids=("full", "nested", "steps", "repeats"))
def test_a_grid_is_listed_as_by_wandb_s_engine(case):
    config = {"method": "grid", "parameters": case["parameters"]}
    points = list(local.grid(config))
    assert json.dumps(points, sort_keys=True) == json.dumps(case["points"], sort_keys=True)
    assert len(local.grid(config)) == local.n_runs(config) == len(case["points"])


def proposed(config, seed, number):
    space = read_config(config)
    return search.to_config(space, search.propose(space, seed, number, []))


def test_a_random_draw_depends_on_the_seed_and_its_number_alone():
    config = {"method": "random", "parameters": {"a": X, "b": {"value": 2}}}
    drawn = [proposed(config, 5, number) for number in range(4)]
    assert [proposed(config, 5, number) for number in range(4)] == drawn
    assert len({point["a"] for point in drawn}) == 4 and {point["b"] for point in drawn} == {2}
    assert proposed(config, 6, 0) != drawn[0]


X = {"min": 0.0, "max": 1.0}


def bayes(goal="minimize", **parameters):
    metric = {"name": "loss", "goal": goal}
    parameters = parameters or {"x": X, "kind": {"values": ["good", "bad"]}, "fixed": {"value": 1}}
    return read_config({"method": "bayes", "metric": metric, "parameters": parameters})


def a_run(params, *values, state="finished", config=None, summary=None):
    rows = [{"loss": value} for value in values]
    return Run(0, "", "", state, config or {}, summary or {}, rows=rows, params=params)


def searched(space, loss, n):
    """The runs of a sweep that log ``loss(config)`` once."""
    runs = []
    for number in range(n):
        params = search.propose(space, 0, number, runs)
        config = search.to_config(space, params)
        runs.append(a_run(params, loss(config), config=config))
    return runs


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["kind"] == "bad")


def test_bayes_closes_in_on_the_minimum_and_depends_on_seed_and_goal():
    runs = searched(bayes(), bowl, 16)
    late = [run.config for run in runs[8:]]
    assert np.mean([point["kind"] == "good" for point in late]) > 0.7
    assert min(abs(point["x"] - 0.3) for point in late) < 0.02
    again = search.propose(bayes(), 0, 8, runs[:8])
    assert search.propose(bayes(), 0, 8, runs[:8]) == again == runs[8].params
    assert search.propose(bayes(), 1, 8, runs[:8]) != again
    assert search.propose(bayes("maximize"), 0, 8, runs[:8]) != again


@pytest.mark.parametrize("x", [X, {"values": [1, 2, 3, 4, 5, 6]}])
def test_bayes_tries_nothing_twice_while_something_is_left(x):
    space = bayes(x=x)
    runs = searched(space, lambda point: -point["x"], 6)  # best at the edge
    assert len({run.config["x"] for run in runs}) == 6
    assert search.propose(space, 0, 6, runs)  # nothing new among six values: a repeat


@pytest.mark.parametrize("kind", ["normal", "q_normal", "log_normal"])
def test_bayes_ends_at_finite_values_where_more_is_always_better(kind):
    space = bayes(x={"distribution": kind}, y={"distribution": kind})
    runs = searched(space, lambda point: -np.tanh(point["x"] + point["y"]), 12)
    assert all(map(math.isfinite, (value for run in runs for value in run.config.values())))


def test_bayes_remembers_more_runs_than_it_fits_and_fits_the_best():
    space = bayes(x={"values": list(range(400))})
    runs = [a_run([(x + 0.5) / 400], (x - 200) ** 2) for x in range(170, 341)]
    for number in range(171, 174):
        point = search.propose(space, 0, number, runs)
        assert search.to_config(space, point)["x"] not in range(170, 341)
        runs.append(a_run(point, 1e4))
    points = np.random.default_rng(0).random((300, 2)).tolist()
    runs = [a_run(point, bowl({"x": point[0], "kind": ""})) for point in points]
    assert abs(search.propose(bayes(), 0, 300, runs)[0] - 0.3) < 0.1


def test_agents_at_work_at_once_are_sent_to_different_places():
    space = bayes(x=X)
    runs = searched(space, lambda point: (point["x"] - 0.3) ** 2, 6)
    for number in range(6, 9):
        runs.append(a_run(search.propose(space, 0, number, runs), state="running"))
    places = sorted(run.params[0] for run in runs[6:])
    assert min(np.diff(places)) > 1e-3


def test_all_runs_equal_or_failed_is_no_obstacle():
    searched(bayes(), lambda point: 1.0, 7)
    failed = [a_run([0.1 * n, 0.25], state="failed") for n in range(6)]
    assert len(search.propose(bayes(), 0, 6, failed)) == 2


def test_objectives_are_the_best_values_and_others_stand_in_for_runs_that_ended_badly():
    runs = [
        a_run(0, 0.2, 0.9, 0.5),
        a_run(0, 0.1, "NaN", math.nan, summary={"loss": 0.4}),
        a_run(0, 0.99, state="failed", summary={"loss": 0.7}),  # as it is with summary="mean"
        a_run(0, 0.3, 0.2, state="stopped"),
        a_run(0),
    ]
    for impute, expected in (
        ({}, [-0.9, -0.4, -0.1, -0.1, -0.1]),
        ({"impute": "latest"}, [-0.9, -0.4, -0.99, -0.2, -0.1]),
        ({"impute": "best"}, [-0.9, -0.4, -0.99, -0.3, -0.1]),
    ):
        metric = Metric(name="loss", goal="maximize", **impute)
        assert metric.objectives(runs) == expected


@pytest.mark.parametrize("goal, best, beyond", [("maximize", 0.9, 0.95), ("minimize", 0.2, 0.1)])
def test_a_target_is_reached_from_the_side_of_the_goal(goal, best, beyond):
    for target in (best, beyond):
        metric = Metric(name="loss", goal=goal, target=target)
        assert metric.target_reached([a_run(0, 0.2, 0.9, 0.5)]) is (target == best)
