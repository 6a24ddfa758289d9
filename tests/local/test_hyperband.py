from tiny_sweep import ENGINE

from sudoku_sweep.local.hyperband import Hyperband


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


def test_the_only_run_is_never_stopped_and_the_reason_names_the_numbers():
    rules = Hyperband(type="hyperband", min_iter=1)
    assert rules.stop_reason("maximize", [0.1], []) is None
    reason = rules.stop_reason("maximize", [0.1], [[0.9], [0.5]])
    assert reason == "after logging it 1 times, 0.1; the best runs were at 0.5 or above"
