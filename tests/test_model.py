import os
import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sudoku_sweep import model
from sudoku_sweep.errors import CheckpointError
from sudoku_sweep.model import SudokuTransformer


def build(embedding_dim=6, attention_dim=6, n_heads=3, **more):
    torch.manual_seed(0)
    return SudokuTransformer(embedding_dim, attention_dim, n_heads, **more)


@pytest.mark.parametrize("e, a, h, ratio", [(10, 9, 1, 2), (30, 36, 9, 2), (20, 27, 3, 4)])
def test_parameters_are_as_many_as_counted_by_hand(e, a, h, ratio):
    w = e + 27
    attention = w * 3 * a + (a * w + w)
    mlp = (w * ratio * w + ratio * w) + (ratio * w * w + w)
    by_hand = 10 * e + 3 * 2 * w + attention + mlp + 9 * w + 9
    assert SudokuTransformer(e, a, h, mlp_ratio=ratio).n_parameters() == by_hand


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 81), st.integers(1, 3), st.sampled_from([1, 2, 3, 6]))
def test_asking_about_some_cells_changes_no_answer(seed, n_asked, n_loops, n_heads):
    net = build(n_heads=n_heads, n_loops=n_loops).double()
    generator = torch.Generator().manual_seed(seed)
    quizzes = torch.randint(0, 10, (5, 81), generator=generator, dtype=torch.uint8)
    asked = torch.rand(5, 81, generator=generator).argsort(1)[:, :n_asked]
    for everything, some in zip(net(quizzes), net(quizzes, asked), strict=True):
        assert torch.allclose(model.pick_cells(everything, asked), some, atol=1e-12)


def test_a_cell_enters_with_its_digit_and_its_row_column_and_box():
    blank = torch.zeros(1, 81, dtype=torch.uint8)
    inputs = build(embedding_dim=6).embed(blank)[0]  # [cell, width]
    for cell in (0, 13, 40, 80):
        row, column = divmod(cell, 9)
        box = row // 3 * 3 + column // 3
        assert inputs[cell, 6:].nonzero().flatten().tolist() == [row, 9 + column, 18 + box]


def test_attention_maps_are_those_of_the_forward_pass(quizzes):
    net = build(n_loops=2)
    maps = net.attention_maps(quizzes[:2])
    assert maps.shape == (2, 2, 3, 81, 81)
    assert torch.allclose(maps.sum(4), torch.ones(()))
    inputs = net.embed(quizzes[:2])  # [board, cell, width]
    state = torch.zeros_like(inputs)
    for loop in range(2):
        state = state + inputs
        value = net.split_heads(net.value(net.attention_norm(state)))
        mixed = maps[loop] @ value  # [board, head, cell, head_dim]
        state = state + net.out(mixed.transpose(1, 2).flatten(2))
        state = state + net.mlp(net.mlp_norm(state))
        scores = net.scores(net.final_norm(state))
        assert torch.allclose(scores, net(quizzes[:2])[loop], atol=1e-5)


def test_a_checkpoint_comes_back_as_it_was(tmp_path, quizzes):
    net = build(n_loops=3)
    model.save_checkpoint(tmp_path / "net.pt", net, {"note": "small"})
    again, metadata = model.load_checkpoint(tmp_path / "net.pt")
    assert metadata == {"note": "small"} and again.sizes == net.sizes and not again.training
    assert torch.equal(again(quizzes[:2])[-1], net(quizzes[:2])[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_what_is_no_checkpoint_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = build()
    model.save_checkpoint("net.pt", net, {})
    good = Path("net.pt").read_bytes()
    whole = {"shape": net.sizes, "metadata": {}, "weights": net.state_dict()}
    wrong_shapes = [
        whole | {"shape": net.sizes | odd} for odd in ({"n_heads": 5}, {"n_loops": 10**9})
    ]
    for content in ([1, 2], {"shape": net.sizes, "metadata": {}}, *wrong_shapes):
        torch.save(content, "net.pt")
        with pytest.raises(CheckpointError, match=r"net\.pt"):
            model.load_checkpoint("net.pt")
    cut_short = [good[:length] for length in range(0, len(good), 997)]
    for content in (b"not a net", pickle.dumps(RunsCode(), protocol=2), *cut_short):
        Path("net.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"net\.pt"):
            model.load_checkpoint("net.pt")
    assert not Path("owned").exists()
    with pytest.raises(CheckpointError, match="python -m sudoku_sweep train"):
        model.load_checkpoint("missing.pt")
