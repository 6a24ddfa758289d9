"""What the notebook on the net's inside asks and draws."""

import inside_the_net
import numpy as np
import pytest
import torch

from sudoku_sweep import checkpoint, data, solver
from sudoku_sweep.boards import rules


def test_heads_are_told_apart_by_where_they_look():
    evenly = np.full((81, 81), 1 / 81)
    along = (rules.ROW[:, None] == rules.ROW) / 8 * (1 - np.eye(81))
    maps = np.stack([[evenly, np.eye(81)], [along, along]])[:, None]  # two loops, one board
    table = inside_the_net.head_shares(maps)
    assert table[["loop", "head"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert table["itself"].tolist() == pytest.approx([1 / 81, 1, 0, 0])
    assert table["row"].tolist() == pytest.approx([8 / 81, 0, 1, 1])
    assert table["column"].tolist() == pytest.approx([8 / 81, 0, 0, 0])
    assert table["crossing"].tolist() == pytest.approx([24 / 81, 0, 0, 0])
    assert table["box"].iloc[2] == pytest.approx(2 / 8)  # two of the eight are in the same box, too


def test_mistakes_are_counted_over_blank_cells_by_what_the_rules_leave(boards):
    few = boards.first(40)
    left = inside_the_net.candidates(few.quizzes)
    for cell in range(81):
        free = set(range(1, 10)) - set(few.quizzes[0][rules.PEERS[cell]].tolist())
        assert left[0, cell] == (0 if few.quizzes[0, cell] else len(free))
    answers = np.where(left > 1, few.solutions % 9 + 1, few.solutions)  # right where one is left
    table = inside_the_net.mistakes(few, answers)
    assert table["cells"].sum() == (few.quizzes == 0).sum() and table["candidates"].min() == 1
    assert (table["right"] == (table["candidates"] == 1)).all()


def test_heads_of_the_trained_net_look_along_lines_and_are_drawn(boards, quizzes):
    """The rules were not given: the heads have found rows, columns and boxes."""
    net, _ = checkpoint.load_checkpoint(data.DATA_DIR / "winner.pt")
    maps = inside_the_net.attention_maps(net, quizzes[:20])
    shares = inside_the_net.head_shares(maps)
    assert shares[["row", "column", "box"]].max().min() > 2 * 8 / 81
    assert shares["crossing"].max() > 1.5 * 24 / 81
    # in the first loop, whose input is known, weights times values are what attention gives
    x = net.embed(quizzes[:20])
    mixed = maps[0] @ net.split_heads(net.value(net.attention_norm(x)))
    after = x + net.proj(mixed.transpose(1, 2).flatten(2))
    assert torch.allclose(after + net.mlp(net.mlp_norm(after)), net.block(x), atol=1e-4)

    assert len(inside_the_net.plot_attention(maps[0, 0], boards.quizzes[0], cell=5)) == 3
    result = solver.solve(net, boards.quizzes[:1])
    panels = inside_the_net.draw_steps(result, 0, boards.quizzes[0], boards.solutions[0])
    assert panels[0].get_title() == "the quiz" and len(panels[-1].texts) == 81
