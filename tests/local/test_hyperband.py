import json
from pathlib import Path

import pytest

from sudoku_sweep.local import SweepError, hyperband, search

ENGINE = json.loads((Path(__file__).parent / "golden" / "wandb_engine.json").read_text("utf-8"))


def test_runs_are_stopped_that_wandb_s_engine_stops():
    for case in ENGINE["hyperband"]:
        records = [
            {"rows": [{"score": value} for value in history]} for history in case["histories"]
        ]
        curves = [search.logged("score", record) for record in records]
        stopped = [
            at
            for at in case["running"]
            if hyperband.stop_reason(
                case["rules"], case["goal"], curves[at], curves[:at] + curves[at + 1 :]
            )
        ]
        assert stopped == case["stopped"], case["rules"]


def test_the_engine_stopped_some_and_let_others_go_on():
    stopped = sum(len(case["stopped"]) for case in ENGINE["hyperband"])
    running = sum(len(case["running"]) for case in ENGINE["hyperband"])
    assert 0.2 * running < stopped < 0.8 * running


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
    assert hyperband.bands({"type": "hyperband"} | rules, 40) == bands


def test_the_only_run_is_never_stopped_and_the_reason_names_the_numbers():
    rules = {"type": "hyperband", "min_iter": 1}
    assert hyperband.stop_reason(rules, "maximize", [0.1], []) is None
    reason = hyperband.stop_reason(rules, "maximize", [0.1], [[0.9], [0.5]])
    assert reason == "after logging it 1 times, 0.1; the best runs were at 0.5 or above"


@pytest.mark.parametrize(
    "rules, word",
    [
        ("hyperband", "Write {'type': 'hyperband'"),
        ({"min_iter": 3}, "Write {'type': 'hyperband'"),
        ({"type": "hyperband"}, "min_iter, or both max_iter and s"),
        ({"type": "hyperband", "max_iter": 9}, "both max_iter and s"),
        ({"type": "hyperband", "min_iter": 0}, "min_iter is 0"),
        ({"type": "hyperband", "min_iter": 1.5}, "min_iter is 1.5"),
        (
            {"type": "hyperband", "min_iter": 1, "eta": 1},
            "eta is 1; it should be greater than or equal to 1.1",
        ),
        ({"type": "hyperband", "min_iter": 1, "strict": "yes"}, "strict is 'yes'"),
        ({"type": "hyperband", "min_iters": 1}, "not 'min_iters'"),
        ({"type": "hyperband", "max_iter": 2, "s": 3, "eta": 3}, "too small for a band"),
    ],
)
def test_rules_that_describe_no_hyperband_are_refused(rules, word):
    with pytest.raises(SweepError, match=f"early_terminate.*{word}"):
        hyperband.read(rules)
