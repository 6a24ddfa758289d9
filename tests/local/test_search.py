import json
import math
from pathlib import Path

import numpy as np
import pytest

from sudoku_sweep import local, sweeps
from sudoku_sweep.local import search
from sudoku_sweep.local.configuration import Metric, read

ENGINE = json.loads((Path(__file__).parent / "golden" / "wandb_engine.json").read_text("utf-8"))


@pytest.mark.parametrize("case", ENGINE["grids"], ids=("full", "nested", "steps", "repeats"))
def test_a_grid_is_listed_as_by_wandb_s_engine(case):
    config = {"method": "grid", "parameters": case["parameters"]}
    points = list(local.grid(config))
    assert json.dumps(points, sort_keys=True) == json.dumps(case["points"], sort_keys=True)
    assert len(local.grid(config)) == local.n_runs(config) == len(case["points"])


def test_the_engine_was_asked_about_the_project_s_own_grid():
    assert ENGINE["grids"][0]["parameters"] == sweeps.FULL["parameters"]
    assert len(ENGINE["grids"][0]["points"]) == 240


def proposed(config, seed, number):
    sweep = read(config)
    return search.configuration(sweep, search.propose(sweep, seed, number, []))


def test_a_random_draw_depends_on_the_seed_and_its_number_alone():
    config = {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}, "b": {"value": 2}}}
    drawn = [proposed(config, 5, number) for number in range(4)]
    assert [proposed(config, 5, number) for number in range(4)] == drawn
    assert len({point["a"] for point in drawn}) == 4 and {point["b"] for point in drawn} == {2}
    assert proposed(config, 6, 0) != drawn[0]


# --- bayes ------------------------------------------------------------------------------------------------

BAYES = {
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "x": {"min": 0.0, "max": 1.0},
        "kind": {"values": ["good", "bad"]},
        "fixed": {"value": 1},
    },
}


def bayes(**changes):
    return read(BAYES | changes)


def record(point, *values, state="finished", summary=None):
    rows = [{"loss": value} for value in values]
    return {"point": point, "state": state, "rows": rows, "summary": summary or {}}


def searched(sweep, loss, n):
    """The records of a sweep whose runs log ``loss(config)`` once."""
    records = []
    for number in range(n):
        point = search.propose(sweep, 0, number, records)
        tried = search.configuration(sweep, point)
        records.append(record(point, loss(tried)) | {"tried": tried})
    return records


def bowl(config):
    return (config["x"] - 0.3) ** 2 + (config["kind"] == "bad")


def test_bayes_closes_in_on_the_minimum_and_depends_on_seed_and_goal():
    records = searched(bayes(), bowl, 16)
    late = [record["tried"] for record in records[8:]]
    assert np.mean([point["kind"] == "good" for point in late]) > 0.7
    assert min(abs(point["x"] - 0.3) for point in late) < 0.02
    again = search.propose(bayes(), 0, 8, records[:8])
    assert search.propose(bayes(), 0, 8, records[:8]) == again == records[8]["point"]
    assert search.propose(bayes(), 1, 8, records[:8]) != again
    maximized = bayes(metric={"name": "loss", "goal": "maximize"})
    assert search.propose(maximized, 0, 8, records[:8]) != again


@pytest.mark.parametrize("x", [{"min": 0.0, "max": 1.0}, {"values": [1, 2, 3, 4, 5, 6]}])
def test_bayes_tries_nothing_twice_while_something_is_left(x):
    sweep = bayes(parameters={"x": x})
    records = searched(sweep, lambda point: -point["x"], 6)  # best at the edge
    assert len({record["tried"]["x"] for record in records}) == 6
    assert search.propose(sweep, 0, 6, records)  # nothing new among six values: a repeat


@pytest.mark.parametrize("kind", ["normal", "q_normal", "log_normal"])
def test_bayes_ends_at_finite_values_where_more_is_always_better(kind):
    sweep = bayes(parameters={name: {"distribution": kind} for name in "xy"})
    records = searched(sweep, lambda point: -np.tanh(point["x"] + point["y"]), 12)
    assert all(map(math.isfinite, (value for run in records for value in run["tried"].values())))


def test_bayes_remembers_more_runs_than_it_fits_and_fits_the_best():
    sweep = bayes(parameters={"x": {"values": list(range(400))}})
    records = [record([(x + 0.5) / 400], (x - 200) ** 2) for x in range(170, 341)]
    for number in range(171, 174):
        point = search.propose(sweep, 0, number, records)
        assert search.configuration(sweep, point)["x"] not in range(170, 341)
        records.append(record(point, 1e4))
    points = np.random.default_rng(0).random((300, 2)).tolist()
    records = [record(point, bowl({"x": point[0], "kind": ""})) for point in points]
    assert abs(search.propose(bayes(), 0, 300, records)[0] - 0.3) < 0.1


def test_agents_at_work_at_once_are_sent_to_different_places():
    sweep = bayes(parameters={"x": {"min": 0.0, "max": 1.0}})
    records = searched(sweep, lambda point: (point["x"] - 0.3) ** 2, 6)
    for number in range(6, 9):
        records.append(record(search.propose(sweep, 0, number, records), state="running"))
    places = sorted(record["point"][0] for record in records[6:])
    assert min(np.diff(places)) > 1e-3


def test_all_runs_equal_or_failed_is_no_obstacle():
    searched(bayes(), lambda point: 1.0, 7)
    failed = [record([0.1 * n, 0.25], state="failed") for n in range(6)]
    assert len(search.propose(bayes(), 0, 6, failed)) == 2


def test_objectives_are_the_best_values_and_others_stand_in_for_runs_that_ended_badly():
    records = [
        record(0, 0.2, 0.9, 0.5),
        record(0, 0.1, "NaN", math.nan, summary={"loss": 0.4}),
        record(0, 0.99, state="failed", summary={"loss": 0.7}),  # as it is with summary="mean"
        record(0, 0.3, 0.2, state="stopped"),
        record(0),
    ]
    for impute, expected in (
        ({}, [-0.9, -0.4, -0.1, -0.1, -0.1]),
        ({"impute": "latest"}, [-0.9, -0.4, -0.99, -0.2, -0.1]),
        ({"impute": "best"}, [-0.9, -0.4, -0.99, -0.3, -0.1]),
    ):
        metric = Metric(name="loss", goal="maximize", **impute)
        assert search.objectives(metric, records) == expected


def test_a_target_is_reached_from_the_side_of_the_goal():
    for goal, best, beyond in (("maximize", 0.9, 0.95), ("minimize", 0.2, 0.1)):
        for target in (best, beyond):
            metric = Metric(name="loss", goal=goal, target=target)
            reached = search.reached_target(metric, [record(0, 0.2, 0.9, 0.5)])
            assert reached is (target == best)
