import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from sudoku_sweep import data, train
from sudoku_sweep.errors import BoardError, ConfigError, DivergedError, OutOfMemoryError
from sudoku_sweep.train import Config

SMALL = dict(
    embedding_dim=6, attention_dim=6, n_heads=3, batch_size=16, epochs=2, steps_per_epoch=2
)


@pytest.fixture(scope="module")
def few(boards):
    return boards.first(64)


def dense_loss(net, quizzes, solutions):
    """The loss as one would write it down: every cell computed, mean over blanks, mean over passes."""
    blank = quizzes == 0
    return (
        sum(F.cross_entropy(part[blank], solutions[blank].long() - 1) for part in net(quizzes))
        / net.n_loops
    )


@pytest.mark.parametrize("n_loops", [1, 2])
@pytest.mark.parametrize("n_asked", [None, 60])  # in chunks; as on a GPU, in one piece
def test_a_step_follows_the_gradient_of_the_dense_loss(boards, n_loops, n_asked):
    quizzes, solutions = data.augment(
        *train.to_tensors(boards, "cpu"), torch.Generator().manual_seed(0)
    )
    config = Config(**SMALL | dict(n_loops=n_loops))
    chunked, dense = (train.build_model(config).double() for _ in range(2))
    sums, _ = train.training_step(
        chunked, [torch.optim.SGD(chunked.parameters(), lr=0.0)], quizzes, solutions, n_asked
    )
    loss = dense_loss(dense, quizzes, solutions)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(dense.parameters(), 1.0)
    assert len(boards.quizzes) > 3 * train.CHUNK  # several chunks
    assert sums[0] / sums[2] == pytest.approx(loss.item(), rel=1e-6)
    assert int(sums[2]) == int((quizzes == 0).sum())
    for one, other in zip(chunked.parameters(), dense.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-12)


def test_same_seed_same_history_and_the_global_random_state_is_left_alone(few):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = train.fit(Config(**SMALL), few, few)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert train.fit(Config(**SMALL), few, few).history == first.history
    assert train.fit(Config(**SMALL, seed=1), few, few).history != first.history


def test_padded_batches_as_on_a_gpu_give_the_same_history(few):
    chunked, padded = (train.fit(Config(**SMALL), few, few, device=d) for d in ("cpu", "cpu:0"))
    for one, other in zip(chunked.history, padded.history, strict=True):
        assert other == pytest.approx(one, rel=1e-4)


def test_what_is_logged_and_when(few):
    rows = []
    config = Config(**SMALL | dict(epochs=7, validate_every=3))
    result = train.fit(config, few, few, log=rows.append)
    assert rows == result.history
    every = {"epoch", "train_loss", "train_accuracy", "learning_rate"}
    scored = every | {"val_loss", "val_accuracy", "val_solved"}
    assert [set(row) for row in rows] == [every, every, scored, every, every, scored, scored]
    assert [row["epoch"] for row in rows] == list(range(1, 8))
    rates = [row["learning_rate"] for row in rows]
    assert max(rates) <= config.learning_rate and rates[-1] < 1e-3 * config.learning_rate
    assert result.summary == {**rows[0], **rows[-1]}


def test_scores_are_over_blank_cells(few):
    net = train.build_model(Config(**SMALL))
    quizzes, solutions = train.to_tensors(few, "cpu")
    blank = quizzes == 0
    right = net(quizzes)[-1].argmax(2) + 1 == solutions
    scores = train.evaluate(net, few, batch_size=10)
    assert scores.accuracy == pytest.approx(right[blank].float().mean().item())
    assert scores.loss == pytest.approx(dense_loss(net, quizzes, solutions).item(), rel=1e-5)
    assert scores.solved_one_shot == (right | ~blank).all(1).float().mean().item()


def test_every_batch_is_augmented_afresh(few):
    one = few.first(1)
    config, numbers = Config(), torch.Generator().manual_seed(0)
    tensors = train.to_tensors(one, "cpu")
    seen = [batch for _ in range(40) for batch in train.epoch_batches(config, *tensors, numbers)]
    digits = {tuple(solutions.flatten().tolist()) for _, solutions in seen}
    blanks = {int((quizzes == 0).sum()) for quizzes, _ in seen}
    assert len(digits) > 35  # renamed
    assert len(blanks) > 15 and max(blanks) <= (one.quizzes == 0).sum()  # revealed


def test_boards_go_on_in_the_next_batch_with_right_digits_filled_in(few, monkeypatch):
    batches, step = [], train.training_step

    def watched(model, optimizers, quizzes, solutions, most_blanks):
        batches.append((quizzes, solutions))
        return step(model, optimizers, quizzes, solutions, most_blanks)

    monkeypatch.setattr(train, "training_step", watched)
    for device in ("cpu", "cpu:0"):  # the second one pads, as on a GPU
        batches.clear()
        config = Config(**SMALL | dict(epochs=1, steps_per_epoch=4, rollout=12, max_revealed=0.0))
        train.fit(config, few, few, device=device)
        assert [len(quizzes) for quizzes, _ in batches] == [4, 8, 12, 16]
        for before, after in itertools.pairwise(batches):
            n = len(after[0]) - 4
            assert torch.equal(after[1][:n], before[1][:n])  # the same boards, of which
            more = (after[0][:n] != 0).sum(1) - (before[0][:n] != 0).sum(1)
            assert (more >= 1).all()  # a digit was filled in, a right one
            assert ((after[0] == after[1]) | (after[0] == 0)).all()
            assert ((after[0][:n] == before[0][:n]) | (before[0][:n] == 0)).all()


@pytest.mark.parametrize(
    "chances, filled", [((0.96, 0.5, 0.97), [7, 0, 9]), ((0.3, 0.8, 0.1), [0, 8, 0])]
)
def test_filled_in_is_what_the_net_is_sure_of_or_else_its_surest_cell(chances, filled):
    board = torch.ones(1, 81, dtype=torch.uint8)
    board[0, :3] = 0
    asked = torch.tensor([[0, 1, 2, 3]])  # three blanks, with the right digits 7, 8, 9, and a clue
    target, is_blank = torch.tensor([[6, 7, 8, 0]]), torch.tensor([[True, True, True, False]])
    scores = torch.full((1, 4, 9), -100.0)
    for at, chance in enumerate(chances):  # the rest goes to the digit 1
        scores[0, at, 0], scores[0, at, target[0, at]] = math.log(1 - chance), math.log(chance)
    after = train.fill_in(board, asked, scores, target, is_blank)
    assert after[0, :3].tolist() == filled and (after[0, 3:] == 1).all()


def test_full_boards_do_not_go_on_and_no_more_than_asked_for():
    quizzes = torch.ones(4, 81, dtype=torch.uint8)
    quizzes[[0, 2, 3], 5] = 0  # board 1 is full
    open_ones, solutions = train.still_open(quizzes, torch.arange(4)[:, None], most=2)
    assert len(open_ones) == 2 and solutions[:, 0].tolist() == [0, 2]


@pytest.mark.slow
@pytest.mark.parametrize("rate, lowest, highest", [(5e-3, 0.25, 1), (0.0, 0, 0.16)])
def test_a_short_run_leaves_the_plateau_and_a_learning_rate_of_zero_does_not(rate, lowest, highest):
    training, validation = data.load_split("train"), data.load_split("validation").first(64)
    budget = dict(attention_dim=36, epochs=1, batch_size=64, steps_per_epoch=200)
    result = train.fit(Config(learning_rate=rate, **budget), training, validation)
    assert lowest < result.summary["val_accuracy"] < highest


@pytest.mark.parametrize(
    "asked, continued, n_boards, n_batches",
    [
        (None, 0, 20_000, 313),
        (40, 0, 20_000, 40),
        (40, 0, 100, 2),
        (None, 0, 3, 1),
        (None, 32, 20_000, 625),
    ],
)
def test_an_epoch_is_all_boards_or_as_many_batches_as_asked_for(
    asked, continued, n_boards, n_batches
):
    config = Config(batch_size=64, steps_per_epoch=asked, rollout=continued)
    assert train.steps_per_epoch(config, n_boards) == n_batches


def test_the_smallest_boards_and_budgets_are_enough(few):
    one_step = Config(**SMALL | dict(epochs=1, batch_size=512))
    assert len(train.fit(one_step, few.first(1), few).history) == 1
    full = data.Boards(few.solutions, few.solutions)  # without blanks
    assert train.fit(one_step, full, few).history[-1]["train_loss"] == 0


def test_no_boards_are_refused(few):
    for boards in ((few.first(0), few), (few, few.first(0))):
        with pytest.raises(BoardError, match="nothing to train on"):
            train.fit(Config(**SMALL), *boards)


def test_a_learning_rate_of_ten_is_survived_and_an_absurd_one_is_a_clear_error(few):
    result = train.fit(Config(**SMALL | dict(learning_rate=10.0)), few, few)
    assert np.isfinite([row["train_loss"] for row in result.history]).all()
    # after one step, only the scores are no number; of two epochs, the first has none
    for n in (1, 2):
        absurd = dict(epochs=n, steps_per_epoch=n, learning_rate=1e30)
        with pytest.raises(DivergedError, match=r"epoch 1: a learning_rate of 1e\+30 is too high"):
            train.fit(Config(**SMALL | absurd), few, few)


@pytest.mark.parametrize(
    "error, raised, said",
    [
        (lambda: torch.empty(10**14), OutOfMemoryError, "choose a smaller batch_size"),
        (torch.OutOfMemoryError, OutOfMemoryError, "choose a smaller batch_size"),
        (MemoryError, OutOfMemoryError, "choose a smaller batch_size"),
        (lambda: torch.zeros(2) @ torch.zeros(3), RuntimeError, "size"),
    ],
    ids=["as on a CPU", "as on a GPU", "Python's own", "another error, which stays as it is"],
)
def test_a_lack_of_memory_says_what_to_choose_smaller(few, monkeypatch, error, raised, said):
    def step(*_):
        raise error()  # some raise by themselves

    monkeypatch.setattr(train, "training_step", step)
    with pytest.raises(raised, match=said):
        train.fit(Config(**SMALL), few, few)


def test_an_interrupted_run_keeps_what_it_has(few):
    def stop_at_two(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    # ten epochs: the second still makes one pass
    result = train.fit(Config(**SMALL | dict(epochs=10)), few, few, log=stop_at_two)
    assert result.interrupted and len(result.history) == 2
    assert not result.model.training and result.model.n_loops == 2


@pytest.mark.parametrize(
    "n_loops, epochs, expected",
    [(2, 10, [1, 1] + 8 * [2]), (8, 20, [*range(1, 9)] + 12 * [8]), (1, 2, [1, 1]), (3, 1, [3])],
)
def test_the_passes_grow_in_number_and_are_all_there_for_most_epochs(
    few, monkeypatch, n_loops, epochs, expected
):
    seen, step = [], train.training_step

    def watched(model, *rest):
        seen.append(model.n_loops)
        return step(model, *rest)

    monkeypatch.setattr(train, "training_step", watched)
    config = Config(**SMALL | dict(n_loops=n_loops, epochs=epochs, steps_per_epoch=1))
    assert train.fit(config, few, few).model.n_loops == n_loops
    assert seen == expected


def test_every_weight_has_one_optimizer_and_muon_has_the_matrices():
    net = train.build_model(Config(**SMALL))
    optimizers, _ = train.build_optimizers(net, learning_rate=1e-3, n_steps=10)
    adamw, muon = ([*each.param_groups[0]["params"]] for each in optimizers)
    assert sorted(map(id, adamw + muon)) == sorted(map(id, net.parameters()))
    assert {weight.ndim for weight in adamw} == {1} and {weight.ndim for weight in muon} == {2}


@pytest.mark.parametrize(
    "values, word",
    [
        (dict(epochs=0), "epochs=0"),
        (dict(batch_size=2.5), "batch_size=2.5"),
        (dict(batch_size=8, rollout=8), "rollout=8 leaves no room"),
        (dict(attention_dim=10, n_heads=3), "multiple of n_heads"),
        (dict(mlp_ratio=100_000), "mlp_ratio=100000: give a whole number from 1 to 16"),
        (dict(n_loops=1001), "n_loops=1001: give a whole number from 1 to 1,000"),
        (dict(epochs=2**62), "epochs=4611686018427387904: it should be .* 1000000"),
        (dict(n_heads=0), "n_heads=0"),
        (dict(n_loops=True), "n_loops=True"),
        (dict(steps_per_epoch="5"), "steps_per_epoch='5' is text"),
        (dict(validation_boards=0), "validation_boards=0"),
        (dict(learning_rate="1e-5"), r"1\.0e-5"),
        (dict(learning_rate=-1.0), "learning_rate=-1.0"),
        (dict(learning_rate=math.nan), "learning_rate=nan"),
        (dict(seed=2**63), "seed=9223372036854775808: it should be less"),
        (dict(batch_size=10**20), "batch_size=1.*less than"),
        (dict(dropout=0.1), "no hyperparameter dropout; there are learning_rate"),
    ],
)
def test_a_config_that_cannot_be_trained_is_refused(values, word):
    with pytest.raises(ConfigError, match=word):
        Config(**values)


@pytest.mark.parametrize("n", [None, 10])
def test_a_run_is_scored_on_as_many_boards_as_its_config_says_with_the_returned_net(few, n):
    result = train.fit(Config(**SMALL, validation_boards=n), few, few)
    scores, last = train.evaluate(result.model, few.first(n)), result.history[-1]
    logged = [last["val_loss"], last["val_accuracy"], last["val_solved"]]
    assert logged == pytest.approx([scores.loss, scores.accuracy, scores.solved])


def test_numbers_of_numpy_are_numbers():
    config = Config(epochs=np.int64(3), learning_rate=np.float32(0.5))
    assert (config.epochs, config.learning_rate) == (3, 0.5)
    assert type(config.epochs) is int and type(config.learning_rate) is float


names = st.sampled_from([*Config.model_fields, "nonsense"])
anything = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3)


@given(st.dictionaries(names, anything, max_size=4))
def test_any_values_make_a_config_or_one_clear_error(values):
    try:
        config = Config(**values)
    except ConfigError as refusal:
        assert any(name in str(refusal) for name in values)
    else:
        assert config.attention_dim % config.n_heads == 0 and config.epochs >= 1
