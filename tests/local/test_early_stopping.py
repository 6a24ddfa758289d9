from collections import Counter
from types import SimpleNamespace

import pytest
from tiny_sweep import GRID

from sudoku_sweep import local
from sudoku_sweep.local import Run, early_stopping, metric, store

pytestmark = pytest.mark.usefixtures("in_tmp_path")
RULES = {"early_terminate": {"type": "hyperband", "min_iter": 2}}


def test_a_long_look_at_the_others_is_followed_by_a_longer_pause_and_goes_through_no_curve_twice(
    monkeypatch,
):
    configs, rows = local.grid(GRID), [{"_step": 0, "score": 1}]
    runs = [Run(at, f"id{at}", "", "finished", configs[at], {}, rows=rows) for at in range(4)]
    sweep = store.open_sweep(local.sweep(GRID | RULES, prior_runs=runs))
    clock, looks, seen, read, values = [0], [], Counter(), store.Sweep.runs, metric.Metric.values

    def takes_five_seconds(sweep):
        looks.append(clock[0])
        clock[0] += 5
        return read(sweep)

    def count(self, rows):
        seen[len(rows)] += 1
        return values(self, rows)

    monkeypatch.setattr(early_stopping, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(store.Sweep, "runs", takes_five_seconds)
    monkeypatch.setattr(metric.Metric, "values", count)
    run = Run(4, "mine", "", "running", configs[4], {}, rows=[])
    stopper = early_stopping.EarlyStopper(sweep, run, None)
    for _ in range(200):
        stopper.check(len(run.rows))
        clock[0] += 1
    assert looks == [0, 55, 110, 165] and seen == {0: 4, 1: 4}  # mine, the others
    runs[0].rows, run.rows = rows * 2, [{"_step": at, "score": 2} for at in range(2)]
    sweep.save(runs[0])
    stopper.check(len(run.rows))  # a band
    assert seen == {0: 4, 1: 4, 2: 2}
