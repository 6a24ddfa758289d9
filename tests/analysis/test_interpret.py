import numpy as np
import pytest
import torch

from sudoku_sweep import data, model
from sudoku_sweep.analysis import interpret
from sudoku_sweep.boards import difficulty, rules
from sudoku_sweep.cli import solve


@pytest.fixture(scope="module")
def winner():
    return model.load_checkpoint(solve.WINNER)[0]


def test_attention_that_is_the_same_everywhere_has_the_shares_of_chance():
    maps = torch.full((2, 3, 4, 81, 81), 1 / 81)
    table = interpret.head_scores(maps)
    assert table[["pass", "head"]].to_numpy().tolist() == [
        [p, h] for p in (1, 2) for h in (1, 2, 3, 4)
    ]
    assert np.allclose(table["itself"], 1 / 81)
    assert np.allclose(table[["row", "column", "box"]], 8 / 81)


def test_a_head_that_looks_along_rows_is_recognised():
    along = torch.zeros(81, 81)
    for cell in range(81):
        others = [c for c in range(81) if rules.ROW[c] == rules.ROW[cell] and c != cell]
        along[cell, others] = 1 / 8
    (row,) = interpret.head_scores(along.expand(1, 5, 1, 81, 81)).to_dict("records")
    assert row["row"] == pytest.approx(1) and row["itself"] == row["column"] == 0
    assert row["box"] == pytest.approx(2 / 8)  # two of the eight are in the same box, too


def test_candidates_are_what_no_peer_holds(boards):
    found = interpret.candidates(boards.quizzes[:5])
    for quiz, counts in zip(boards.quizzes[:5], found, strict=True):
        for cell in range(81):
            free = set(range(1, 10)) - set(quiz[rules.PEERS[cell]].tolist())
            assert counts[cell] == (0 if quiz[cell] else len(free))


def test_mistakes_are_counted_over_blank_cells(boards):
    net, _ = model.load_checkpoint(data.DATA_DIR / "grid_best.pt")
    few = boards.first(40)
    table = interpret.mistakes(net, few)
    assert table["cells"].sum() == (few.quizzes == 0).sum()
    quizzes = torch.from_numpy(few.quizzes.copy())
    right = (net(quizzes)[-1].argmax(2) + 1).numpy() == few.solutions
    share = (table["right"] * table["cells"]).sum() / table["cells"].sum()
    assert share == pytest.approx(right[few.quizzes == 0].mean())
    assert table["right"].iloc[0] > table["right"].iloc[-1]  # one candidate is easier than many


def test_boards_are_counted_by_clues(boards, winner):
    table = interpret.by_clues(winner, boards)
    assert table["boards"].sum() == len(boards.quizzes)
    assert (table["step_by_step"] >= table["one_shot"]).all() and table["step_by_step"].min() > 0.9
    few = difficulty.minimize_clues(boards.first(5), 0)  # below 30 clues
    assert interpret.by_clues(winner, few)["boards"].sum() == 5


def test_heads_of_the_trained_net_look_along_lines(boards, winner):
    """The rules were not given: the heads have found rows, columns and boxes."""
    quizzes = torch.from_numpy(boards.quizzes[:20].copy())
    scores = interpret.head_scores(winner.attention_maps(quizzes))
    assert scores[["row", "column", "box"]].max().min() > 2 * 8 / 81
