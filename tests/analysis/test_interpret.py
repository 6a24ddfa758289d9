import numpy as np
import pytest
import torch

from sudoku_sweep import data, model, solver
from sudoku_sweep.analysis import board_figures, interpret
from sudoku_sweep.boards import rules


def test_heads_are_told_apart_by_where_they_look():
    evenly = np.full((81, 81), 1 / 81)
    along = (rules.ROW[:, None] == rules.ROW) / 8 * (1 - np.eye(81))
    maps = np.stack([[evenly, np.eye(81)], [along, along]])[:, None]  # two passes, one board
    table = interpret.head_scores(maps)
    assert table[["pass", "head"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert table["itself"].tolist() == pytest.approx([1 / 81, 1, 0, 0])
    assert table["row"].tolist() == pytest.approx([8 / 81, 0, 1, 1])
    assert table["column"].tolist() == pytest.approx([8 / 81, 0, 0, 0])
    assert table["box"].iloc[2] == pytest.approx(2 / 8)  # two of the eight are in the same box, too


def test_mistakes_are_counted_over_blank_cells_by_what_the_rules_leave(boards):
    few = boards.first(40)
    left = interpret.candidates(few.quizzes)
    for cell in range(81):
        free = set(range(1, 10)) - set(few.quizzes[0][rules.PEERS[cell]].tolist())
        assert left[0, cell] == (0 if few.quizzes[0, cell] else len(free))
    answers = np.where(left > 1, few.solutions % 9 + 1, few.solutions)  # right where one is left
    table = interpret.mistakes(few, answers)
    assert table["cells"].sum() == (few.quizzes == 0).sum() and table["candidates"].min() == 1
    assert (table["right"] == (table["candidates"] == 1)).all()


def test_boards_are_counted_by_clues(boards):
    many = (boards.quizzes > 0).sum(1) >= 40
    table = interpret.solved_by_clues(boards, bands=(0, 20, 40, 82), some=many, none=many & False)
    assert table["clues"].tolist() == ["20-39", "40-81"]  # no board has fewer than 20
    assert table["boards"].tolist() == [(~many).sum(), many.sum()]
    assert table["some"].tolist() == [0, 1] and table["none"].tolist() == [0, 0]


def test_heads_of_the_trained_net_look_along_lines_and_are_drawn(boards):
    """The rules were not given: the heads have found rows, columns and boxes."""
    net, _ = model.load_checkpoint(data.DATA_DIR / "winner.pt")
    maps = net.attention_maps(torch.from_numpy(boards.quizzes[:20].copy()))
    scores = interpret.head_scores(maps)
    assert scores[["row", "column", "box"]].max().min() > 2 * 8 / 81
    assert len(board_figures.plot_attention(maps[0, 0], boards.quizzes[0], cell=5)) == 3
    found = solver.solve(net, boards.quizzes[:1])
    panels = board_figures.draw_steps(found, 0, boards.quizzes[0], boards.solutions[0])
    assert panels[0].get_title() == "the quiz" and len(panels[-1].texts) == 81
