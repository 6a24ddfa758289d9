import numpy as np
import pytest
import torch

from sudoku_sweep import data, solver, train
from sudoku_sweep.boards import difficulty
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.config import Config
from sudoku_sweep.errors import BoardError

WINNER = data.DATA_DIR / "winner.pt"


class KnowsTheAnswer(torch.nn.Module):
    """Stands in for a net: sure of as many blanks a step as told, the first ones first."""

    def __init__(self, boards, sure=3, wrong_cell=None):
        super().__init__()
        self.position = torch.zeros(81, 27)
        self.solutions = torch.from_numpy(boards.solutions.copy())
        self.sure, self.wrong_cell = sure, wrong_cell

    def forward(self, boards):
        digits = self.solutions[: len(boards)].long() - 1
        if self.wrong_cell is not None:
            digits = digits.clone()
            digits[:, self.wrong_cell] = (digits[:, self.wrong_cell] + 1) % 9
        rank = (boards == 0).cumsum(1)  # 1 for the first blank
        strength = torch.where(rank <= self.sure, 12.0, 3.0 - 0.01 * rank)
        return [torch.nn.functional.one_hot(digits, 9) * strength[..., None]]


def test_solve_fills_sure_blanks_step_by_step(boards, quizzes):
    found = solver.solve(KnowsTheAnswer(boards, sure=3), quizzes[:1])
    blank = quizzes[:1] == 0
    assert found.solved.all() and found.boards.tolist() == boards.solutions[:1].tolist()
    assert found.step.max() == -(-blank.sum() // 3)
    assert found.step[blank].bincount()[1:-1].eq(3).all() and (found.step[~blank] == 0).all()
    assert (found.confidence[~blank] == 1).all() and (found.confidence[blank] > 0.99).all()


def test_solve_fills_one_blank_when_it_is_sure_of_none(boards, quizzes):
    found = solver.solve(KnowsTheAnswer(boards, sure=0), quizzes[:1])
    assert found.solved.all()
    steps = range(1, int((quizzes[0] == 0).sum()) + 1)
    assert sorted(found.step[found.step > 0].tolist()) == list(steps)


def test_solve_stops_at_a_board_that_breaks_a_rule_and_says_so(boards, quizzes):
    first_blank = int((quizzes[0] == 0).nonzero()[0])
    net, clues = KnowsTheAnswer(boards, sure=1, wrong_cell=first_blank), quizzes[:1] > 0
    found = solver.solve(net, quizzes[:1])
    assert not found.solved.any() and (found.boards == 0).any()
    assert (found.boards[clues] == quizzes[:1][clues]).all()


def test_solve_refuses_what_is_no_board(impossible):
    net = train.build_model(Config(attention_dim=6))
    with pytest.raises(BoardError, match=r"the 5 in row 1, column 3 stands again"):
        solver.solve(net, impossible)
    for wrong in (np.zeros((2, 80), np.uint8), np.zeros(81, np.uint8), np.zeros((0, 81), np.uint8)):
        with pytest.raises(BoardError, match="shape"):
            solver.solve(net, wrong)
    with pytest.raises(BoardError, match="digits 1-9"):
        solver.solve(net, np.full((1, 81), 10, np.uint8))
    with pytest.raises(BoardError, match="whole numbers"):
        solver.solve(net, np.full((1, 81), 1.7))


def test_a_broken_net_ends_too(quizzes):
    net = train.build_model(Config(attention_dim=6))
    with torch.no_grad():
        net.head.weight.fill_(float("nan"))
    assert not solver.solve(net, quizzes[:3]).solved.any()


@pytest.mark.parametrize("kind", [torch.int64, torch.int16, torch.uint16])
def test_boards_of_any_whole_number_type_are_solved_alike(boards, quizzes, kind):
    found = solver.solve(KnowsTheAnswer(boards), quizzes[:1].to(kind))
    assert found.solved.all() and found.boards.dtype == torch.uint8


def test_the_shipped_net_solves_test_boards_with_few_clues_whatever_digits_are_called():
    net, metadata = load_checkpoint(WINNER)
    assert net.n_parameters() == metadata["parameters"] <= 50_000
    test = data.load_split("test")
    clues = (test.quizzes > 0).sum(1)
    few = test.where((clues >= 30) & (clues <= 40))
    assert len(few.quizzes) > 700
    names = np.array([0, 4, 9, 1, 7, 2, 8, 3, 6, 5], dtype=np.uint8)
    found = solver.solve(net, names[few.quizzes]).boards.numpy()
    assert (found == names[few.solutions]).all(1).mean() >= 0.99


def test_the_shipped_net_solves_boards_without_a_clue_to_spare_as_its_card_says():
    net, metadata = load_checkpoint(WINNER)
    some = difficulty.minimize_clues(data.load_split("test").first(150), seed=0)
    singles = difficulty.solved_by_singles(some.quizzes)
    for kind, chosen in (("singles do", singles), ("more is needed", ~singles)):
        part = some.where(chosen)
        said = metadata["scores"][f"test, minimal: {kind}"]["solved"]
        solved = (solver.solve(net, part.quizzes).boards.numpy() == part.solutions).all(1).mean()
        assert abs(solved - said) < 0.15, kind
