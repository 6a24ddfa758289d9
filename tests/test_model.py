import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sudoku_sweep import model, train
from sudoku_sweep.config import Config


def build(embedding_dim=6, attention_dim=6, **more):
    more |= dict(embedding_dim=embedding_dim, attention_dim=attention_dim)
    return train.build_model(Config(**more))


@pytest.mark.parametrize("e, a, h, ratio", [(10, 9, 1, 2), (30, 36, 9, 2), (20, 27, 3, 4)])
def test_parameters_are_as_many_as_counted_by_hand(e, a, h, ratio):
    w = e + 27
    attention = w * 3 * a + (a * w + w)
    mlp = (w * ratio * w + ratio * w) + (ratio * w * w + w)
    by_hand = 10 * e + 3 * 2 * w + attention + mlp + 9 * w + 9
    assert build(e, a, n_heads=h, mlp_ratio=ratio).n_parameters() == by_hand


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 81), st.integers(1, 3), st.sampled_from([1, 2, 3, 6]))
def test_asking_about_some_cells_changes_no_answer(seed, n_cells, n_loops, n_heads):
    net = build(n_heads=n_heads, n_loops=n_loops).double()
    generator = torch.Generator().manual_seed(seed)
    quizzes = torch.randint(0, 10, (5, 81), generator=generator, dtype=torch.uint8)
    cells = torch.rand(5, 81, generator=generator).argsort(1)[:, :n_cells]
    for everything, some in zip(net(quizzes), net(quizzes, cells), strict=True):
        assert torch.allclose(model.pick_cells(everything, cells), some, atol=1e-12)


def test_a_cell_enters_with_its_digit_and_its_row_column_and_box():
    blank = torch.zeros(1, 81, dtype=torch.uint8)
    inputs = build().embed(blank)[0]  # [cell, width]
    for cell in (0, 13, 40, 80):
        row, column = divmod(cell, 9)
        box = row // 3 * 3 + column // 3
        assert inputs[cell, 6:].nonzero().flatten().tolist() == [row, 9 + column, 18 + box]
