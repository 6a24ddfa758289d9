import numpy as np
import pytest
import torch

from sudoku_sweep import data, model, solver
from sudoku_sweep.boards import difficulty, rules
from sudoku_sweep.errors import BoardError

WINNER = data.DATA_DIR / "winner.pt"


class KnowsTheAnswer(torch.nn.Module):
    """Stands in for a net: sure of as many blanks a step as told, the first ones first."""

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


def test_solve_fills_sure_blanks_step_by_step(boards, quizzes):
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
    net = model.SudokuTransformer(6, 6, 3)
    with pytest.raises(BoardError, match=r"the 5 in row 1, column 3 stands again"):
        solver.solve(net, impossible)
    for wrong in (np.zeros((2, 80), np.uint8), np.zeros(81, np.uint8), np.zeros((0, 81), np.uint8)):
        with pytest.raises(BoardError, match="shape"):
            solver.solve(net, wrong)
    with pytest.raises(BoardError, match="digits 1-9"):
        solver.solve(net, np.full((1, 81), 10, np.uint8))


def test_a_broken_net_ends_too(quizzes):
    net = model.SudokuTransformer(6, 6, 3)
    with torch.no_grad():
        net.scores.weight.fill_(float("nan"))
    assert not solver.solve(net, quizzes[:3]).solved.any()


def test_boards_of_any_whole_number_type_are_solved_alike_and_fractions_refused(boards, quizzes):
    truth = torch.from_numpy(boards.solutions.copy())
    for kind in (torch.int64, torch.int16, torch.uint16):
        found = solver.solve(KnowsTheAnswer(truth[:1]), quizzes[:1].to(kind))
        assert found.solved.all() and found.boards.dtype == torch.uint8
    with pytest.raises(BoardError, match="whole numbers"):
        solver.solve(model.SudokuTransformer(6, 6, 3), np.full((1, 81), 1.7))


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
    net, metadata = model.load_checkpoint(WINNER)
    assert net.n_parameters() == metadata["parameters"] <= 50_000
    test = data.load_split("test")
    clues = (test.quizzes > 0).sum(1)
    few = (clues >= 30) & (clues <= 40)
    assert few.sum() > 700
    solved = (solver.solve(net, test.quizzes[few]).boards.numpy() == test.solutions[few]).all(1)
    assert solved.mean() >= 0.99


def test_the_shipped_net_solves_boards_without_a_clue_to_spare_as_its_card_says():
    net, metadata = model.load_checkpoint(WINNER)
    some = difficulty.minimize_clues(data.load_split("test").first(150), seed=0)
    singles = difficulty.solved_by_singles(some.quizzes)
    for kind, chosen in (("singles do", singles), ("more is needed", ~singles)):
        part = some.where(chosen)
        said = metadata["scores"][f"test, minimal: {kind}"]["solved"]
        solved = (solver.solve(net, part.quizzes).boards.numpy() == part.solutions).all(1).mean()
        assert abs(solved - said) < 0.15, kind


def test_the_shipped_net_does_not_care_what_digits_are_called():
    net, _ = model.load_checkpoint(WINNER)
    test = data.load_split("test").first(100)
    names = np.array([0, 4, 9, 1, 7, 2, 8, 3, 6, 5], dtype=np.uint8)
    found = solver.solve(net, names[test.quizzes])
    assert (found.boards.numpy() == names[test.solutions]).all(1).mean() >= 0.95
