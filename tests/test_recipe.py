"""What makes training faster or better: without it, only the time changes, or a test says what does."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from sudoku_sweep import data, train
from sudoku_sweep.config import Config
from sudoku_sweep.recipe import optimizer
from sudoku_sweep.recipe.attention import CHUNK_SIZE, attention
from sudoku_sweep.recipe.gradients import MICRO_BATCH, NO_TARGET, micro_batches
from sudoku_sweep.recipe.loops import loops_at
from sudoku_sweep.recipe.optimizer import MuonWithAdamW
from sudoku_sweep.recipe.rollout import Rollout

SMALL = dict(embedding_dim=6, attention_dim=6, n_heads=3, batch_size=16)


@pytest.mark.parametrize("head_dim, n_query", [(1, 81), (4, 30), (12, 1), (3, 0)])
def test_attention_is_that_of_pytorch_and_so_are_its_gradients(head_dim, n_query):
    numbers = torch.Generator().manual_seed(0)
    shape = CHUNK_SIZE // 3 + 1, 3  # two chunks
    query, key, value, weight = (
        torch.randn(*shape, n, head_dim, generator=numbers, dtype=torch.float64)
        for n in (n_query, 81, 81, n_query)
    )
    inputs = [tensor.requires_grad_() for tensor in (query, key, value)]
    ours, theirs = attention(*inputs), scaled_dot_product_attention(*inputs)
    assert torch.allclose(ours, theirs)
    gradients = (torch.autograd.grad((out * weight).sum(), inputs) for out in (ours, theirs))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("n_loops", [1, 2])
def test_micro_batches_have_the_gradient_of_the_whole_batch(boards, n_loops):
    tensors, numbers = data.to_tensors(boards, "cpu"), torch.Generator().manual_seed(0)
    quizzes, solutions = data.augment(*tensors, numbers)
    config = Config(**SMALL, n_loops=n_loops)
    apart, whole = (train.build_model(config).double() for _ in range(2))
    blank = quizzes == 0
    target = torch.where(blank, solutions.long() - 1, NO_TARGET)
    train.cross_entropy(whole(quizzes), target).backward()
    n_cells, seen = 0, []
    for indices, cells, target in micro_batches(quizzes, solutions):
        assert len(indices) <= MICRO_BATCH
        train.cross_entropy(apart(quizzes[indices], cells), target).backward()
        n_cells += int((target != NO_TARGET).sum())
        seen += indices.tolist()
    assert sorted(seen) == list(range(len(quizzes))) and len(quizzes) > 3 * MICRO_BATCH
    assert n_cells == blank.sum()
    for one, other in zip(apart.parameters(), whole.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-10)


def test_away_from_a_cpu_a_batch_is_taken_whole():
    quizzes = torch.zeros(3, 81, dtype=torch.uint8, device="meta")  # no CPU, and no GPU needed
    ((indices, cells, target),) = micro_batches(quizzes, quizzes)
    assert indices == slice(None) and cells is None and target.shape == (3, 81)


def test_every_weight_has_one_optimizer_and_muon_has_the_matrices():
    net = train.build_model(Config(**SMALL))
    adamw, muon = MuonWithAdamW(net, learning_rate=1e-3, n_steps=10).optimizers
    adamw, muon = ([*one.param_groups[0]["params"]] for one in (adamw, muon))
    assert sorted(map(id, adamw + muon)) == sorted(map(id, net.parameters()))
    assert {weight.ndim for weight in adamw} == {1} and {weight.ndim for weight in muon} == {2}


def test_a_step_clips_the_gradient_and_moves_on_in_the_cycle():
    net = train.build_model(Config(**SMALL))
    steps = MuonWithAdamW(net, learning_rate=1e-3, n_steps=40)
    rates = []
    for _ in range(40):
        for weight in net.parameters():
            weight.grad = torch.full_like(weight, 100.0)
        rates.append(steps.lr)
        steps.step()
    norm = torch.cat([weight.grad.flatten() for weight in net.parameters()]).norm()
    assert norm == pytest.approx(optimizer.GRAD_CLIP, rel=1e-4)
    assert rates.index(max(rates)) == 40 * optimizer.WARMUP_FRACTION and max(rates) > 0.99e-3
    assert steps.lr < 1e-6


@pytest.mark.parametrize("n_steps", [1, 2, 19, 38])
def test_the_shortest_runs_have_a_step_of_warm_up(n_steps):
    steps = MuonWithAdamW(train.build_model(Config(**SMALL)), 1e-3, n_steps)
    assert steps.lr == pytest.approx(1e-3 / 25)
    for _ in range(n_steps):
        steps.step()


class AdamW(torch.optim.AdamW):
    """What PyTorch tutorials train with, in the place of ``MuonWithAdamW``."""

    def __init__(self, model, learning_rate, n_steps):
        super().__init__(model.parameters(), learning_rate)
        self.lr = learning_rate


@pytest.mark.slow
def test_with_adamw_for_all_weights_a_net_learns_less_in_the_same_steps(monkeypatch):
    boards = data.load_split("train")
    config = Config(attention_dim=36, batch_size=16, epochs=1, steps_per_epoch=200)
    muon = train.fit(config, boards, boards.first(64)).history[-1]
    monkeypatch.setattr(train, "MuonWithAdamW", AdamW)
    adamw = train.fit(config, boards, boards.first(64)).history[-1]
    assert muon["val_accuracy"] > adamw["val_accuracy"] + 0.1


@pytest.mark.parametrize(
    "n_loops, epochs, expected",
    [(2, 10, [1, 1] + 8 * [2]), (8, 20, [*range(1, 9)] + 12 * [8]), (1, 2, [1, 1]), (3, 1, [3])],
)
def test_the_loops_grow_in_number_and_are_all_there_for_most_epochs(n_loops, epochs, expected):
    config = Config(n_loops=n_loops, epochs=epochs)
    assert [loops_at(epoch, config) for epoch in range(1, epochs + 1)] == expected


@pytest.mark.parametrize("whole", [False, True], ids=["as on a CPU", "as on a GPU"])
def test_boards_go_on_in_the_next_batch_with_right_digits_filled_in(boards, whole):
    config = Config(**SMALL, steps_per_epoch=4, rollout=12, max_revealed=0.0)
    rollout = Rollout(data.Batches(boards.first(64), config, "cpu"), config.rollout)
    net, batches = train.build_model(config), []
    for quizzes, solutions in rollout:
        batches.append((quizzes, solutions))
        target = torch.where(quizzes == 0, solutions.long() - 1, NO_TARGET)
        parts = [(slice(None), None, target)] if whole else micro_batches(quizzes, solutions)
        for indices, cells, target in parts:
            rollout.fill_in(indices, cells, net(quizzes[indices], cells)[-1], target)
    assert [len(quizzes) for quizzes, _ in batches] == [4, 8, 12, 16]
    for before, after in itertools.pairwise(batches):
        n = len(after[0]) - 4
        assert torch.equal(after[1][:n], before[1][:n])  # the same boards, of which
        more = (after[0][:n] != 0).sum(1) - (before[0][:n] != 0).sum(1)
        assert (more >= 1).all()  # a digit was filled in, a right one
        assert ((after[0] == after[1]) | (after[0] == 0)).all()
        assert ((after[0][:n] == before[0][:n]) | (before[0][:n] == 0)).all()


def next_batch(quizzes, solutions, n, *fill):
    """The batch after one that was filled in."""
    rollout = Rollout([(quizzes, solutions), (quizzes[:0], solutions[:0])], n)
    batches = iter(rollout)
    next(batches)
    if fill:
        rollout.fill_in(*fill)
    return next(batches)


SURE, UNSURE = ((0.96, 0.5, 0.97), [7, 0, 9]), ((0.3, 0.8, 0.1), [0, 8, 0])


@pytest.mark.parametrize("chances, filled", [SURE, UNSURE])
def test_filled_in_is_what_the_net_is_sure_of_or_else_its_surest_cell(chances, filled):
    board = torch.ones(1, 81, dtype=torch.uint8)
    board[0, :3] = 0
    cells = torch.tensor([[0, 1, 2, 3]])  # three blanks, with the right digits 7, 8, 9, and a clue
    target = torch.tensor([[6, 7, 8, NO_TARGET]])
    logits = torch.full((1, 4, 9), -100.0)
    for at, chance in enumerate(chances):  # the rest goes to the digit 1
        logits[0, at, 0], logits[0, at, target[0, at]] = math.log(1 - chance), math.log(chance)
    after, _ = next_batch(board, board, 1, torch.tensor([0]), cells, logits, target)
    assert after[0, :3].tolist() == filled and (after[0, 3:] == 1).all()


def test_full_boards_do_not_go_on_and_no_more_than_asked_for():
    quizzes = torch.ones(4, 81, dtype=torch.uint8)
    quizzes[[0, 2, 3], 5] = 0  # board 1 is full
    open_ones, solutions = next_batch(quizzes, torch.arange(4)[:, None], 2)
    assert len(open_ones) == 2 and solutions[:, 0].tolist() == [0, 2]
