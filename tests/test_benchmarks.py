"""The measuring sticks are straight: what the figures of ``benchmarks/README.md`` stand on."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import cost, measure, plain, recipe, time_to_score
from sudoku_sweep import train


def test_contenders_are_measured_by_turns_and_compared_in_pairs():
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    measure.by_turns(functions, repeats=3)
    assert calls == list("ababab")
    assert measure.ratio({"a": [1.0, 2.0, 9.0], "b": [3.0, 4.0, 9.0]}, "a", "b") == 2.0


def test_operations_are_counted_with_those_of_autograd():
    one, other = torch.ones(2, 3), torch.ones(3, 5, requires_grad=True)
    assert measure.flops(lambda: (one @ other).sum().backward()) == 2 * (2 * 2 * 3 * 5)


def test_memory_is_that_of_the_call_alone():
    call = "by_turns({'': lambda: torch.ones({size})}, 1)"
    grown = measure.peak_megabytes("measure", *(call.replace("{size}", n) for n in ("10**7", "1")))
    assert grown == pytest.approx(4e7 / 2**20, abs=8)  # ten million float32


def test_the_plain_loop_learns_from_blanks_and_logs_every_step(boards):
    rows = []
    config = measure.config_of(64, 1, (20, 18, 3), steps=3, learning_rate=1e-2)
    net = plain.fit(config, boards, dropout=0.0, log=rows.append)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    quizzes, solutions = (part.long() for part in train.to_tensors(boards, "cpu"))
    wrong_clues = torch.where(quizzes > 0, solutions % 9 + 1, solutions)
    assert net.loss(quizzes, solutions) == net.loss(quizzes, wrong_clues)


def test_a_run_of_the_full_preset_is_predicted_from_its_steps(boards, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(ticks))  # every step takes 1 s
    many = type(boards)(*(np.tile(part, (20, 1)) for part in boards))
    seconds = cost.seconds_per_run((6, 6, 3), many, per_board=0.001)
    n_steps = 50 * -(-len(many.quizzes) // 512)
    assert seconds == n_steps + 10 * 2_000 * 0.001


def test_every_recipe_learns_from_the_same_boards_and_has_its_row(capsys):
    recipe.main(["--quick"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 3 and rows[0].startswith("| before | - | - | ")  # two steps reach no level


def test_the_winning_recipe_is_that_of_fit(boards):
    config = measure.config_of(16, 2, recipe.SHAPE, steps=4, seed=3)
    (net,) = recipe.learn(replace(recipe.WINNER, steps=4, one_pass=0), 3, boards)
    fitted = train.fit(config, boards, measure.nothing_to_solve(boards), device="cpu").model
    assert all(map(torch.equal, net.parameters(), fitted.parameters()))
    assert recipe.WINNER.one_pass == train.GROWTH / 2  # of the epochs, and fit had only one


def test_the_clock_counts_training_alone_and_a_level_only_when_it_is_reached(monkeypatch):
    now, scores = [0], iter([0.2, 0.6, 0.4])

    def nets():
        for _ in range(3):
            now[0] += 1
            yield None

    def accuracy(net, boards):
        now[0] += 100
        return next(scores)

    monkeypatch.setattr(measure.time, "process_time", lambda: now[0])
    monkeypatch.setattr(measure, "accuracy", accuracy)
    points = measure.learning_curve(nets(), None)
    assert points == [(1, 0.2), (2, 0.6), (3, 0.4)]
    assert [measure.seconds_to(level, points) for level in (0.5, 0.7)] == [2, math.inf]


def test_who_did_not_get_there_has_no_time_and_no_ratio(capsys, tmp_path):
    time_to_score.main(["--quick", f"--figure={tmp_path / 'figure.png'}"])
    rows = capsys.readouterr().out.splitlines()[-3:]
    assert [row.count("| - ") for row in rows] == [3, 3, 3]
    assert (tmp_path / "figure.png").stat().st_size
