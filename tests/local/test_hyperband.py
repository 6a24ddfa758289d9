import json
from pathlib import Path

import pytest
from tiny_sweep import GRID

from sudoku_sweep.local import SweepError
from sudoku_sweep.local.configuration import read
from sudoku_sweep.local.hyperband import Hyperband

ENGINE = json.loads((Path(__file__).parent / "golden" / "wandb_engine.json").read_text("utf-8"))


def test_runs_are_stopped_that_wandb_s_engine_stops():
    n_running = n_stopped = 0
    for case in ENGINE["hyperband"]:
        rules = Hyperband(**case["rules"])
        curves = [[y for y in curve if y != "NaN"] for curve in case["histories"]]
        stopped = [
            at
            for at in case["running"]
            if rules.stop_reason(case["goal"], curves[at], curves[:at] + curves[at + 1 :])
        ]
        assert stopped == case["stopped"], case["rules"]
        n_running, n_stopped = n_running + len(case["running"]), n_stopped + len(stopped)
    assert 0.2 * n_running < n_stopped < 0.8 * n_running  # the engine was asked something


@pytest.mark.parametrize(
    "rules, bands",
    [
        ({"min_iter": 3}, [3, 9, 27]),
        ({"min_iter": 2, "eta": 2}, [2, 4, 8, 16, 32]),
        ({"max_iter": 27, "s": 2}, [3, 9]),
        ({"max_iter": 27, "s": 5}, [1, 3, 9]),
    ],
)
def test_bands_are_counts_of_loggings(rules, bands):
    assert Hyperband(type="hyperband", **rules).bands(40) == bands


def test_the_only_run_is_never_stopped_and_the_reason_names_the_numbers():
    rules = Hyperband(type="hyperband", min_iter=1)
    assert rules.stop_reason("maximize", [0.1], []) is None
    reason = rules.stop_reason("maximize", [0.1], [[0.9], [0.5]])
    assert reason == "after logging it 1 times, 0.1; the best runs were at 0.5 or above"


@pytest.mark.parametrize(
    "rules, word",
    [
        ({"max_iter": 9}, ": give either min_iter, or both max_iter and s"),
        ({"min_iter": 1, "max_iter": 27}, ": give either min_iter"),
        ({"min_iter": 0}, ".min_iter is 0: it should be greater"),
        ({"min_iter": 1, "eta": 1}, ".eta is 1: it should be greater than or equal to 1.1"),
        ({"min_iter": 1, "strict": "yes"}, ".strict is 'yes'"),
        ({"max_iter": 2, "s": 3, "eta": 3}, ": max_iter is too small for a band"),
    ],
)
def test_rules_that_describe_no_hyperband_are_refused(rules, word):
    with pytest.raises(SweepError, match=f"^early_terminate{word}"):
        read(GRID | {"early_terminate": {"type": "hyperband"} | rules})
