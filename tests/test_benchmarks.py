"""The measuring sticks are straight: what the figures of ``benchmarks/README.md`` stand on."""

import importlib
import math
import re
from itertools import islice

import pytest
import torch

from benchmarks import __main__ as everything
from benchmarks import growth, measure, plain, presets, recipe, step, time_to_score
from sudoku_sweep import data, train


def test_contenders_are_measured_by_turns_and_compared_in_pairs():
    calls = []
    measure.by_turns({name: lambda name=name: calls.append(name) for name in "ab"}, repeats=3)
    assert "".join(calls) == "ababab"
    assert measure.ratio({"a": [1.0, 2.0, 9.0], "b": [3.0, 4.0, 9.0]}, "a", "b") == 2.0


def test_memory_is_that_of_the_call_alone():
    grown = growth.peak_megabytes(lambda: torch.ones(10**7))  # float32
    assert grown == pytest.approx(4e7 / 2**20, abs=8)


def test_the_plain_loop_learns_from_blanks(boards):
    config = measure.config_of(64, (20, 18, 3), learning_rate=1e-2)
    (_, first), _, (net, last) = islice(plain.steps(config, boards, dropout=0.0), 3)
    assert last < first
    quizzes, solutions = (part.long() for part in data.to_tensors(boards, "cpu"))
    wrong_clues = torch.where(quizzes > 0, solutions % 9 + 1, solutions)
    assert net.loss(quizzes, solutions) == net.loss(quizzes, wrong_clues)


def test_a_run_of_the_full_preset_is_predicted_from_its_steps(monkeypatch):
    monkeypatch.setattr(presets, "step_seconds", lambda config: config.n_loops)
    monkeypatch.setattr(presets, "board_seconds", lambda: 0.001)
    # one loop in ten epochs, two in the others, and ten validations
    assert presets.seconds_per_run(train.Config()) == 40 * (10 + 2 * 40) + 10 * 2_000 * 0.001


def test_a_recipe_changes_what_it_names_and_has_its_row(capsys, monkeypatch):
    ends = [("AdamW", 0.01), ("Muon", 0.1), ("AdamW", 0.1)]
    rates = {"before": [("AdamW", 0.01)] * 2, "... ten times its rate": ends}
    kept = {name: recipe.RECIPES[name] for name in rates}
    for name in kept:
        with measure.patched(kept[name][1]):
            net = train.build_model(recipe.config_of_recipe(seed=1))
            optimizers = train.MuonWithAdamW(net, 0.01, n_steps=20).optimizers
        assert [(type(one).__name__, one.defaults["lr"]) for one in optimizers] == rates[name]
    monkeypatch.setattr(recipe, "RECIPES", kept)
    recipe.main(seeds=(1,), steps=recipe.STEPS_PER_SCORE)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:3] for row in rows] == [[f"| {name}", "-", "-"] for name in kept]


def test_the_clock_counts_training_alone_and_a_level_only_when_it_is_reached(monkeypatch, boards):
    now, curve = [0], measure.LearningCurve(boards)  # which are 200
    curve.start, n_right = 0, iter((40, 120, 80))
    monkeypatch.setattr(measure.time, "process_time", lambda: now[0])

    def net(_):
        now[0] += 100
        right = torch.arange(200)[:, None] < next(n_right)
        return torch.nn.functional.one_hot((curve.solutions - right.int()).long() % 9, 9)

    for now[0] in (1, 102, 203):
        curve.score(net)
    assert [(at, round(right, 1)) for at, right in curve.points] == [(1, 0.2), (2, 0.6), (3, 0.4)]
    assert [curve.seconds_to(level) for level in (0.5, 0.7)] == [2, math.inf]


def test_who_did_not_get_there_has_no_time_and_no_ratio(capsys):
    time_to_score.main(time_to_score.SETTINGS[:1], seeds=(4,), steps=20, patience=0)
    assert [row.count("| - ") for row in capsys.readouterr().out.splitlines()[-3:]] == [3, 3, 3]


def test_new_lines_replace_the_old_ones_of_their_name_alone():
    text = "A <!-- a -->\nold\n<!-- end --> B <!-- b -->\nold\n<!-- end -->"
    assert everything.replaced(text, "a", "new\n") == text.replace("old", "new", 1)


def test_every_benchmark_can_be_started_and_what_is_replaced_exists():
    for name in re.findall(r"<!-- benchmarks\.(\w+) -->", everything.README.read_text("utf-8")):
        importlib.import_module(f"benchmarks.{name}")
    for changes in step.WITHOUT.values():
        with measure.patched(changes):
            pass
