import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sudoku_sweep import data, model, solver
from sudoku_sweep.boards import rules
from sudoku_sweep.cli import cards, commands
from sudoku_sweep.errors import BoardError, CheckpointError, ConfigError
from sudoku_sweep.model import SudokuTransformer

WINNER = data.DATA_DIR / "winner.pt"


def build(embedding_dim=6, attention_dim=6, n_heads=3, **more):
    torch.manual_seed(0)
    return SudokuTransformer(embedding_dim, attention_dim, n_heads, **more)


# --- the net ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("e, a, h, ratio", [(10, 9, 1, 2), (30, 36, 9, 2), (20, 27, 3, 4)])
def test_parameters_are_as_many_as_counted_by_hand(e, a, h, ratio):
    w = e + 27
    by_hand = (
        10 * e
        + 3 * 2 * w
        + w * 3 * a
        + (a * w + w)
        + (w * ratio * w + ratio * w)
        + (ratio * w * w + w)
        + 9 * w
        + 9
    )
    assert SudokuTransformer(e, a, h, mlp_ratio=ratio).n_parameters() == by_hand


def test_every_pass_gives_nine_scores_per_cell(quizzes):
    scores = build(n_loops=3)(quizzes[:4])
    assert [tuple(part.shape) for part in scores] == [(4, 81, 9)] * 3


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
    inputs = build(embedding_dim=6).tables()[0][:81]  # [cell, width], all blank
    for cell in (0, 13, 40, 80):
        row, column = divmod(cell, 9)
        box = row // 3 * 3 + column // 3
        assert inputs[cell, 6:].nonzero().flatten().tolist() == [row, 9 + column, 18 + box]


def test_attention_maps_are_those_of_the_forward_pass(quizzes):
    net = build(n_loops=2)
    maps = net.attention_maps(quizzes[:2])
    assert maps.shape == (2, 2, 3, 81, 81)
    assert torch.allclose(maps.sum(4), torch.ones(()))
    pair = quizzes[:2].long() * 81 + torch.arange(81)
    inputs = state = net.tables()[0][pair]  # [board, cell, width]
    for loop in range(2):
        state = state + inputs * loop
        value = net.project(state)[1].chunk(2, 2)[1].unflatten(2, (3, -1)).transpose(1, 2)
        mixed = maps[loop] @ value  # [board, head, cell, head_dim]
        state = state + net.out(mixed.transpose(1, 2).flatten(2))
        state = state + net.mlp(net.mlp_norm(state))
        scores = net.head(net.final_norm(state))
        assert torch.allclose(scores, net(quizzes[:2])[loop], atol=1e-5)


@pytest.mark.parametrize("head_dim, n_asked", [(1, 81), (4, 30), (12, 1), (3, 0)])
def test_attention_is_that_of_pytorch_and_so_are_its_gradients(head_dim, n_asked):
    numbers = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(6, head_dim, n, generator=numbers, dtype=torch.float64, requires_grad=True)
        for n in (n_asked, 81, 81)
    )
    weight = torch.randn(6, n_asked, head_dim, generator=numbers, dtype=torch.float64)
    mixed, weights = model.Attention.apply(query, torch.stack([key, value]))
    wide = [part.transpose(1, 2) for part in (query, key, value)]  # [n, cell, head_dim]
    expected = torch.nn.functional.scaled_dot_product_attention(*wide)
    assert torch.allclose(mixed.transpose(1, 2), expected)
    assert torch.allclose(weights @ wide[2], expected)
    leaves = (query, key, value)
    ours = torch.autograd.grad((mixed.transpose(1, 2) * weight).sum(), leaves)
    theirs = torch.autograd.grad((expected * weight).sum(), leaves)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_the_number_of_heads_matters(quizzes):
    one, three = build(n_heads=1), build(n_heads=3)
    three.load_state_dict(one.state_dict())
    assert one.attention_maps(quizzes[:1]).shape[2] == 1
    assert not torch.allclose(one(quizzes[:1])[-1], three(quizzes[:1])[-1], atol=1e-3)


@pytest.mark.parametrize(
    "shape, word",
    [
        (dict(attention_dim=10, n_heads=3), "multiple of n_heads"),
        (dict(n_heads=0), "n_heads=0"),
        (dict(embedding_dim=-1), "embedding_dim=-1"),
        (dict(attention_dim=9.0), "attention_dim=9.0"),
        (dict(n_loops=True), "n_loops=True"),
    ],
)
def test_shapes_that_cannot_be_built_are_refused(shape, word):
    with pytest.raises(ConfigError, match=word):
        build(**shape)


# --- solving ----------------------------------------------------------------------------------------------


class KnowsTheAnswer(torch.nn.Module):
    """Stands in for a net: sure of as many blanks a look as told, the first ones first."""

    def __init__(self, solutions, sure=3, wrong_cell=None):
        super().__init__()
        self.place = torch.zeros(81, 27)
        self.solutions, self.sure, self.wrong_cell = solutions, sure, wrong_cell

    def forward(self, boards):
        digits = self.solutions[: len(boards)].long() - 1
        if self.wrong_cell is not None:
            digits = digits.clone()
            digits[:, self.wrong_cell] = (digits[:, self.wrong_cell] + 1) % 9
        rank = (boards == 0).cumsum(1)  # 1 for the first blank
        strength = torch.where(rank <= self.sure, 12.0, 3.0 - 0.01 * rank)
        return [torch.nn.functional.one_hot(digits, 9) * strength[..., None]]


def test_solve_fills_sure_blanks_look_by_look(boards, quizzes):
    truth = torch.from_numpy(boards.solutions.copy())
    found = solver.solve(KnowsTheAnswer(truth[:1], sure=3), quizzes[:1])
    n_blanks = int((quizzes[0] == 0).sum())
    assert found.solved.all() and (found.boards == truth[:1]).all()
    assert found.step.max() == -(-n_blanks // 3)
    assert found.step[quizzes[:1] == 0].bincount()[1:-1].eq(3).all()
    assert (found.step[quizzes[:1] > 0] == 0).all() and (
        found.confidence[quizzes[:1] > 0] == 1
    ).all()
    assert (found.confidence[found.step > 0] > 0.99).all()


def test_solve_fills_one_blank_when_it_is_sure_of_none(boards, quizzes):
    truth = torch.from_numpy(boards.solutions.copy())
    found = solver.solve(KnowsTheAnswer(truth[:1], sure=0), quizzes[:1])
    assert found.solved.all()
    assert sorted(found.step[found.step > 0].tolist()) == list(
        range(1, int((quizzes[0] == 0).sum()) + 1)
    )


def test_solve_stops_at_a_board_that_breaks_a_rule_and_says_so(boards, quizzes):
    truth = torch.from_numpy(boards.solutions.copy())
    first_blank = int((quizzes[0] == 0).nonzero()[0])
    found = solver.solve(KnowsTheAnswer(truth[:1], sure=1, wrong_cell=first_blank), quizzes[:1])
    assert not found.solved.any()
    assert (found.boards == 0).any()
    assert (found.boards[quizzes[:1] > 0] == quizzes[:1][quizzes[:1] > 0]).all()


def test_solve_refuses_what_is_no_board(impossible):
    net = build()
    with pytest.raises(BoardError, match=r"the 5 in row 1, column 3 stands again"):
        solver.solve(net, impossible)
    for wrong in (np.zeros((2, 80), np.uint8), np.zeros(81, np.uint8), np.zeros((0, 81), np.uint8)):
        with pytest.raises(BoardError, match="shape"):
            solver.solve(net, wrong)
    with pytest.raises(BoardError, match="digits 1-9"):
        solver.solve(net, np.full((1, 81), 10, np.uint8))


def test_a_broken_net_ends_too(quizzes):
    net = build()
    with torch.no_grad():
        net.head.weight.fill_(float("nan"))
    assert not solver.solve(net, quizzes[:3]).solved.any()


def test_boards_of_any_whole_number_type_are_solved_alike_and_fractions_refused(boards, quizzes):
    truth = torch.from_numpy(boards.solutions.copy())
    for kind in (torch.int64, torch.int16, torch.uint16):
        found = solver.solve(KnowsTheAnswer(truth[:1]), quizzes[:1].to(kind))
        assert found.solved.all() and found.boards.dtype == torch.uint8
    with pytest.raises(BoardError, match="whole numbers"):
        solver.solve(build(), np.full((1, 81), 1.7))


def test_breaks_rules_agrees_with_the_list_of_repeated_cells(boards):
    rng = np.random.default_rng(0)
    candidates = np.where(
        rng.random((200, 81)) < 0.02, rng.integers(0, 10, (200, 81)), boards.quizzes
    )
    expected = [bool(rules.repeated_cells(board)) for board in candidates]
    assert sum(expected) > 20 and not all(expected)
    assert solver.breaks_rules(torch.from_numpy(candidates)).tolist() == expected


# --- the shipped net --------------------------------------------------------------------------------------


def test_the_shipped_net_solves_test_boards_with_few_clues():
    net, about = model.load_checkpoint(WINNER)
    assert net.n_parameters() == about["parameters"] <= 50_000
    test = data.load_split("test")
    clues = (test.quizzes > 0).sum(1)
    few = (clues >= 30) & (clues <= 40)
    assert few.sum() > 700
    solved = (solver.solve(net, test.quizzes[few]).boards.numpy() == test.solutions[few]).all(1)
    assert solved.mean() >= 0.99


def test_the_shipped_net_solves_boards_without_a_clue_to_spare_as_its_card_says():
    net, about = model.load_checkpoint(WINNER)
    parts = commands._minimal_by_kind(data.load_split("test").first(150))
    for kind, part in zip(("singles do", "more is needed"), parts, strict=True):
        said = about["scores"][f"test, thinned: {kind}"]["solved"]
        solved = (solver.solve(net, part.quizzes).boards.numpy() == part.solutions).all(1).mean()
        assert abs(solved - said) < 0.15, kind


def test_what_is_written_of_the_shipped_nets_is_on_their_cards():
    of_winner, of_best = (
        model.load_checkpoint(WINNER.with_name(name))[1] for name in ("winner.pt", "grid_best.pt")
    )
    for about, name in ((of_winner, "winner"), (of_best, "grid_best")):
        card = cards.card_text(f"data/{name}.pt", about)
        assert card == (data.DATA_DIR / f"{name}.md").read_text("utf-8")
    written = (data.DATA_DIR / "README.md").read_text("utf-8")
    assert f"{of_winner['parameters']:,} | {of_winner['steps']:,} steps" in written
    assert f"{of_winner['cpu_seconds'] / 60:.0f} minutes of one CPU core" in written
    solved = 0
    for kind in ("singles do", "more is needed"):
        score = of_winner["scores"][f"test, thinned: {kind}"]
        assert f"{kind} ({score['boards']}) | {100 * score['solved']:.1f} % step by step" in written
        solved += score["solved"] * score["boards"]
    best = of_best["scores"]["test"]
    one_shot = f"{100 * best['solved_one_shot']:.1f} % in one look"
    assert f"{100 * best['solved']:.1f} % step by step, {one_shot}" in written
    readme = (data.DATA_DIR.parent / "README.md").read_text("utf-8")
    assert of_winner["scores"]["test"]["solved_one_shot"] == 1 and "all 2,000 test" in readme
    assert f"step by step {solved:.0f} of 500 that have no clue to spare" in readme
    assert f"{of_winner['parameters']:,} parameters" in readme


def test_the_shipped_net_does_not_care_what_digits_are_called():
    net, _ = model.load_checkpoint(WINNER)
    test = data.load_split("test").first(100)
    names = np.array([0, 4, 9, 1, 7, 2, 8, 3, 6, 5], dtype=np.uint8)
    found = solver.solve(net, names[test.quizzes])
    assert (found.boards.numpy() == names[test.solutions]).all(1).mean() >= 0.95


# --- checkpoints ------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(tmp_path, quizzes):
    net = build(n_loops=3)
    model.save_checkpoint(tmp_path / "net.pt", net, {"note": "small"})
    again, about = model.load_checkpoint(tmp_path / "net.pt")
    assert about == {"note": "small"} and again.shape == net.shape and not again.training
    assert torch.equal(again(quizzes[:2])[-1], net(quizzes[:2])[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_what_is_no_checkpoint_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = build()
    model.save_checkpoint("good.pt", net, {})
    good = (tmp_path / "good.pt").read_bytes()
    torch.save({"shape": net.shape, "about": {}}, "no_weights.pt")
    torch.save({"shape": net.shape | {"n_heads": 5}, "about": {}, "weights": {}}, "bad_shape.pt")
    torch.save([1, 2], "a_list.pt")
    wrong = {
        "text.pt": b"not a net",
        "empty.pt": b"",
        "cut.pt": good[: len(good) // 2],
        "pickle.pt": pickle.dumps(RunsCode(), protocol=2),
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
    for name in [*wrong, "no_weights.pt", "bad_shape.pt", "a_list.pt"]:
        with pytest.raises(CheckpointError, match=name):
            model.load_checkpoint(name)
    assert not (tmp_path / "owned").exists()
    for length in range(0, len(good), 997):  # a file that was cut short, anywhere
        (tmp_path / "cut.pt").write_bytes(good[:length])
        with pytest.raises(CheckpointError, match=r"cut\.pt"):
            model.load_checkpoint("cut.pt")
    with pytest.raises(CheckpointError, match="python -m sudoku_sweep train"):
        model.load_checkpoint("missing.pt")
