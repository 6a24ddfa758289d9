import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sudoku_sweep import data, train
from sudoku_sweep.config import Config
from sudoku_sweep.errors import BoardError, DivergedError, OutOfMemoryError

SMALL = dict(embedding_dim=6, attention_dim=6, batch_size=16, epochs=2, steps_per_epoch=2)


@pytest.fixture(scope="module")
def few(boards):
    return boards.first(64)


def test_same_seed_same_history_and_the_global_random_state_is_left_alone(few):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = train.fit(Config(**SMALL), few, few)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(6)
    assert train.fit(Config(**SMALL), few, few).history == first.history
    assert train.fit(Config(**SMALL, seed=1), few, few).history != first.history


@pytest.mark.parametrize("device", ["cpu:0", torch.device("cpu")])
def test_a_device_is_asked_by_its_type(few, device):
    with_rollout = Config(**SMALL, rollout=8)
    expected = train.fit(with_rollout, few, few, device="cpu").history
    assert train.fit(with_rollout, few, few, device=device).history == expected


def test_a_batch_taken_whole_as_on_a_gpu_gives_the_same_history(few, monkeypatch):
    def whole(quizzes, solutions):
        target = torch.where(quizzes == 0, solutions.long() - 1, train.NO_TARGET)
        yield slice(None), None, target

    config = Config(**SMALL, rollout=8)
    apart = train.fit(config, few, few)
    monkeypatch.setattr(train, "micro_batches", whole)
    for one, other in zip(apart.history, train.fit(config, few, few).history, strict=True):
        assert other == pytest.approx(one, rel=1e-4)


def test_what_is_logged_and_when(few):
    rows = []
    config = Config(**SMALL | dict(epochs=7, validate_every=3))
    result = train.fit(config, few, few, log=rows.append)
    assert rows == result.history
    every = {"epoch", "train_loss", "train_accuracy", "lr"}
    scored = every | {"val_loss", "val_accuracy", "val_solved"}
    assert [set(row) for row in rows] == [every, every, scored, every, every, scored, scored]
    assert [row["epoch"] for row in rows] == list(range(1, 8))
    rates = [row["lr"] for row in rows]
    assert max(rates) <= config.learning_rate and rates[-1] < 1e-3 * config.learning_rate
    assert not result.model.training and result.model.n_loops == config.n_loops


def test_metrics_are_over_blank_cells(few):
    net = train.build_model(Config(**SMALL))
    quizzes, solutions = data.to_tensors(few, "cpu")
    blank = quizzes == 0
    logits = net(quizzes)
    right = logits[-1].argmax(2) + 1 == solutions
    losses = [F.cross_entropy(one[blank], solutions[blank].long() - 1) for one in logits]
    metrics = train.evaluate(net, few, batch_size=10)
    assert metrics.accuracy == pytest.approx(right[blank].float().mean().item())
    assert metrics.loss == pytest.approx((sum(losses) / len(losses)).item(), rel=1e-5)
    assert metrics.solved_one_shot == (right | ~blank).all(1).float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("rate, lowest, highest", [(5e-3, 0.25, 1), (0.0, 0, 0.16)])
def test_a_short_run_leaves_the_plateau_and_a_learning_rate_of_zero_does_not(rate, lowest, highest):
    training, validation = data.load_split("train"), data.load_split("validation").first(64)
    budget = dict(attention_dim=36, epochs=1, batch_size=64, steps_per_epoch=200)
    result = train.fit(Config(learning_rate=rate, **budget), training, validation)
    assert lowest < result.history[-1]["val_accuracy"] < highest


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
    # after one step, only the validation is no number; of two epochs, the first has none
    for n in (1, 2):
        absurd = dict(epochs=n, steps_per_epoch=n, learning_rate=1e30)
        with pytest.raises(DivergedError, match=r"epoch 1: a learning_rate of 1e\+30 is too high"):
            train.fit(Config(**SMALL | absurd), few, few)


TOO_MUCH = OutOfMemoryError, "choose a smaller batch_size"


@pytest.mark.parametrize(
    "error, raised, said",
    [
        (lambda: torch.empty(10**14), *TOO_MUCH),  # as on a CPU
        (torch.OutOfMemoryError, *TOO_MUCH),  # as on a GPU
        (MemoryError, *TOO_MUCH),
        (lambda: torch.zeros(2) @ torch.zeros(3), RuntimeError, "size"),  # stays as it is
        (KeyboardInterrupt, KeyboardInterrupt, None),
    ],
)
def test_a_lack_of_memory_says_what_to_choose_smaller(few, monkeypatch, error, raised, said):
    def step(*_):
        raise error()  # some raise by themselves

    monkeypatch.setattr(train, "cross_entropy", step)
    with pytest.raises(raised, match=said):
        train.fit(Config(**SMALL), few, few)


@pytest.mark.parametrize("n", [None, 10])
def test_a_run_is_scored_on_as_many_boards_as_its_config_says_with_the_returned_net(few, n):
    result = train.fit(Config(**SMALL, validation_boards=n), few, few)
    metrics, last = train.evaluate(result.model, few.first(n)), result.history[-1]
    logged = [last["val_loss"], last["val_accuracy"], last["val_solved"]]
    assert logged == pytest.approx([metrics.loss, metrics.accuracy, metrics.solved])
