"""Nets trained as one are the nets trained alone."""

import contextlib
import gc
import math
import statistics
import warnings
import weakref
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sudoku_sweep import data, stack, train
from sudoku_sweep.errors import BoardError, ConfigError, DivergedError
from sudoku_sweep.train import Config

SMALL = dict(
    embedding_dim=6, attention_dim=6, n_heads=3, batch_size=16, epochs=2, steps_per_epoch=3
)
MEMBERS = [(1e-3, 0), (5e-3, 0), (2e-3, 1)]  # learning rate, seed


@pytest.fixture(scope="module")
def few(boards):
    return boards.first(64)


def configs_of(members=MEMBERS, **changes):
    return [Config(learning_rate=rate, seed=seed, **SMALL | changes) for rate, seed in members]


# --- the step ---------------------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None)
@given(
    members=st.lists(
        st.tuples(st.floats(1e-4, 1e-2), st.integers(0, 2)), min_size=1, max_size=4, unique=True
    ),
    shape=st.fixed_dictionaries(
        {"n_loops": st.integers(1, 3), "n_heads": st.sampled_from([1, 2, 6])}
    ),
)
def test_twenty_stacked_steps_are_those_of_the_nets_alone(boards, members, shape):
    n_steps, double = 20, torch.float64
    quizzes, solutions = train.to_tensors(boards, "cpu")
    # an epoch of 200 boards has 13 batches, the last of them smaller
    configs = configs_of(members, **shape, **dict(steps_per_epoch=None, epochs=2))
    stacked = stack.Stack(configs, n_steps, train.most_blanks(boards), dtype=double)
    start = stacked.weights.detach().clone()
    nets, batches, optimizers = [], [], []
    for config in configs:
        nets.append(train.build_model(config).to(double))
        optimizers.append(torch.optim.AdamW(nets[-1].parameters(), betas=train.BETAS))
        generator = torch.Generator().manual_seed(config.seed)
        epochs = (train.epoch_batches(config, quizzes, solutions, generator) for _ in range(2))
        batches.append([batch for epoch in epochs for batch in epoch][:n_steps])
    schedules = [train.learning_rates(config, n_steps) for config in configs]
    for at in range(n_steps):
        parts = zip(*(batch[at] for batch in batches), strict=True)
        sums = stacked.step(*map(torch.stack, parts))
        for member, net in enumerate(nets):
            optimizers[member].param_groups[0]["lr"] = schedules[member][at]
            alone = train.training_step(net, optimizers[member], *batches[member][at])
            assert torch.allclose(sums[member].float(), alone, rtol=1e-5)
    assert (stacked.weights - start).abs().max(1).values.min() > 1e-4  # all have learned something
    for member, net in enumerate(nets):
        for one, other in zip(net.parameters(), stacked.member(member).parameters(), strict=True):
            assert torch.allclose(one, other, rtol=0, atol=1e-9)


# --- runs -------------------------------------------------------------------------------------------------


def test_a_stacked_run_logs_what_it_would_log_alone(few):
    configs = configs_of(epochs=3, validate_every=2)
    for config, result in zip(configs, stack.fit_stack(configs, few, few), strict=True):
        alone = train.fit(config, few, few)
        assert result.config == config and result.error is None and not result.interrupted
        assert [set(row) for row in result.history] == [set(row) for row in alone.history]
        for one, other in zip(result.history, alone.history, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-4)
            assert one["learning_rate"] == other["learning_rate"]
        scores = train.evaluate(result.model, few)
        assert result.history[-1]["val_loss"] == pytest.approx(scores.loss)
        assert not result.model.training


@pytest.mark.slow
def test_stacked_results_lie_within_the_spread_of_seeds():
    boards, validation = data.load_split("train"), data.load_split("validation").first(256)
    budget = dict(
        embedding_dim=20, attention_dim=36, n_heads=3, batch_size=64, epochs=1, steps_per_epoch=200
    )
    configs = [Config(learning_rate=5e-3, seed=seed, **budget) for seed in (0, 1)]
    alone = [train.fit(config, boards, validation).summary["val_accuracy"] for config in configs]
    stacked = [
        result.summary["val_accuracy"] for result in stack.fit_stack(configs, boards, validation)
    ]
    spread = abs(alone[0] - alone[1])
    assert statistics.mean(alone) > 0.15  # something was learned, there is something to compare
    for one, other in zip(stacked, alone, strict=True):
        assert abs(one - other) <= spread


@pytest.mark.parametrize("at", [1, 3])
def test_a_member_that_diverges_is_marked_and_its_neighbours_do_not_notice(few, at):
    # Beside a net that does well, and without any: PyTorch rounds by where in memory a net stands, so the neighbours
    # that are compared to the last bit stand in the same places.
    good, bad, well = configs_of(), configs_of([(1e30, 0)]), configs_of([(1e-3, 5)])
    results = stack.fit_stack(good[:at] + bad + good[at:], few, few)
    without = stack.fit_stack(good[:at] + (well if at < 3 else []) + good[at:], few, few)
    failed = results.pop(at)
    assert isinstance(failed.error, DivergedError) and "learning_rate of 1e+30" in str(failed.error)
    assert all(math.isfinite(value) for row in failed.history for value in row.values())
    if at < 3:
        without.pop(at)
    for one, other in zip(results, without, strict=True):
        assert one.error is None and one.history == other.history
        for weight, same in zip(one.model.parameters(), other.model.parameters(), strict=True):
            assert torch.equal(weight, same)


def test_a_stack_in_which_all_have_diverged_ends_and_is_let_go(few, monkeypatch):
    kept, steps = [], []

    class Remembered(stack.Stack):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append(weakref.ref(self))

        def step(self, *batch):
            steps.append(1)
            return super().step(*batch)

    monkeypatch.setattr(stack, "Stack", Remembered)
    results = stack.fit_stack(configs_of([(1e30, 0), (1e30, 1)], epochs=50), few, few)
    assert all(result.error for result in results) and len(steps) < 10
    gc.collect()
    assert kept[0]() is None  # the results, errors included, do not hold on to it


def test_no_boards_are_refused(few):
    with pytest.raises(BoardError, match="nothing to train on"):
        stack.fit_stack(configs_of(), few.first(0), few)


def test_only_runs_that_are_alike_can_be_stacked(few):
    one, other = configs_of()[0], configs_of(n_heads=1)[0]
    assert stack.alike(*configs_of()[:2]) and not stack.alike(one, other)
    with pytest.raises(ConfigError, match="nothing but learning_rate and seed"):
        stack.fit_stack([one, other], few, few)


# --- in the place of fit ----------------------------------------------------------------------------------


@pytest.fixture
def stacks(monkeypatch):
    """The configs of each stack that is trained, as they come."""
    seen, real = [], stack.fit_stack

    def spy(configs, *args, **kwargs):
        seen.append(configs)
        return real(configs, *args, **kwargs)

    monkeypatch.setattr(stack, "fit_stack", spy)
    return seen


def test_every_config_gets_its_own_result_whatever_is_trained_together(few, stacks):
    configs = [*configs_of(), *configs_of(n_heads=1)]
    fit = stack.StackedFit(configs, size=2)
    for config in configs:
        rows = []
        result = fit(config, few, few, log=rows.append)
        assert result.config == config and rows == result.history and len(rows) == 2
    assert stacks == [configs[0:2], configs[2:3], configs[3:5], configs[5:6]]
    assert not fit.results  # nothing is kept for ever
    fit(configs[0], few, few)  # again, and nobody said so
    assert stacks[4:] == [configs[:1]]


def test_nobody_is_trained_with_a_config_that_was_not_announced(few, stacks):
    one, *others = configs_of()
    fit = stack.StackedFit(others, size=3)
    fit(one, few, few)
    fit(others[0], few, few)
    assert stacks == [[one], others]


def test_members_of_a_stack_that_failed_are_trained_alone(few, stacks, monkeypatch):
    real = train.learning_rates

    def out_of_memory(*args):
        raise RuntimeError("out of memory")

    configs = configs_of()
    fit = stack.StackedFit(configs, size=3)
    monkeypatch.setattr(train, "learning_rates", out_of_memory)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(configs[0], few, few)
    monkeypatch.setattr(train, "learning_rates", real)
    for config in configs[1:]:
        assert len(fit(config, few, few).history) == 2
    assert [len(members) for members in stacks] == [3, 1, 1] and not fit.results


def test_a_diverged_run_raises_after_its_rows_were_logged(few):
    good, bad = configs_of()[0], configs_of([(1e30, 0)])[0]
    fit = stack.StackedFit([good, bad], size=2)
    assert fit(good, few, few).error is None
    with pytest.raises(DivergedError, match="too high"):
        fit(bad, few, few)


def test_an_interrupted_stack_is_not_taken_for_a_finished_one(few, stacks, monkeypatch):
    real = train.epoch_metrics

    def interrupted(*args):
        raise KeyboardInterrupt

    configs = configs_of()
    fit = stack.StackedFit(configs, size=3)
    monkeypatch.setattr(train, "epoch_metrics", interrupted)
    assert fit(configs[0], few, few).interrupted
    monkeypatch.setattr(train, "epoch_metrics", real)
    assert len(fit(configs[1], few, few).history) == 2
    assert [len(members) for members in stacks] == [3, 1]


@pytest.mark.parametrize("size", [0, 1.5, None])
def test_a_stack_has_a_whole_number_of_members(size):
    with pytest.raises(ConfigError, match="size="):
        stack.StackedFit([], size)


# --- the captured step ------------------------------------------------------------------------------------


@pytest.fixture
def no_cuda_needed(monkeypatch):
    """In the place of CUDA's streams and graphs, ones that do nothing; yields what a capture is to do."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    graph = SimpleNamespace(replays=0)

    def replay():
        graph.replays += 1
        graph.on_replay()

    graph.replay = replay
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    monkeypatch.setattr(torch.cuda, "graph", contextlib.nullcontext)
    return graph


def test_a_captured_step_reads_its_inputs_from_fixed_places(no_cuda_needed):
    captured = stack.Captured(lambda a, b: a + 2 * b)

    def on_replay():  # what the device would do again
        captured.output.copy_(captured.inputs[0] + 2 * captured.inputs[1])

    no_cuda_needed.on_replay = on_replay
    for at in range(3 * stack.WARM_UP):
        one, other = torch.full((4,), float(at)), torch.ones(4)
        assert torch.equal(captured(one, other), one + 2)
    assert no_cuda_needed.replays == 2 * stack.WARM_UP
    smaller = torch.ones(3)  # an epoch's last batch
    assert torch.equal(captured(smaller, smaller), torch.full((3,), 3.0))
    assert no_cuda_needed.replays == 2 * stack.WARM_UP


class Refusal(contextlib.ExitStack):
    """A capture that goes as PyTorch's does when the step did something forbidden: ending it fails as well."""

    def __init__(self, graph):
        super().__init__()

    def __exit__(self, *_):
        raise RuntimeError("operation failed due to a previous error during capture")


def test_a_step_that_cannot_be_captured_runs_eagerly(no_cuda_needed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "graph", Refusal)
    calls = []

    def step(a):
        calls.append(1)
        if len(calls) == stack.WARM_UP + 1:  # the capture
            raise RuntimeError("not permitted when stream is capturing")
        return a + 1

    captured = stack.Captured(step)
    for at in range(stack.WARM_UP):
        assert captured(torch.tensor(at)) == at + 1
    with pytest.warns(UserWarning, match="it runs eagerly: not permitted"):
        assert captured(torch.tensor(7)) == 8
    with warnings.catch_warnings(action="error"):  # said once
        assert captured(torch.tensor(8)) == 9
    assert no_cuda_needed.replays == 0


def test_an_interrupt_during_the_capture_stays_one(no_cuda_needed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "graph", Refusal)
    captured = stack.Captured(lambda a: a + 1)
    for at in range(stack.WARM_UP):
        captured(torch.tensor(at))
    captured.function = mock.Mock(side_effect=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        captured(torch.tensor(7))


# --- on a GPU ---------------------------------------------------------------------------------------------


@pytest.mark.gpu
def test_a_captured_step_is_the_eager_one(few):
    device, n_steps = "cuda", 3 * stack.WARM_UP
    batch = [part[None, :16] for part in train.to_tensors(few, device)]
    n_asked = train.most_blanks(few)
    graph, eager = (stack.Stack(configs_of()[:1], n_steps, n_asked, device) for _ in range(2))
    captured = stack.Captured(graph.step)
    for _ in range(n_steps):
        sums = captured(*batch).clone()
        assert torch.allclose(sums, eager.step(*batch), rtol=1e-4)
    assert isinstance(captured.graph, torch.cuda.CUDAGraph)
    assert torch.allclose(graph.weights, eager.weights, atol=1e-5)


@pytest.mark.gpu
def test_a_stack_on_the_gpu_agrees_with_the_cpu(few):
    n_asked = train.most_blanks(few)
    on_gpu, on_cpu = (stack.Stack(configs_of(), 1, n_asked, name) for name in ("cuda", "cpu"))
    batch = [part[None, :16].expand(3, -1, -1) for part in train.to_tensors(few, "cpu")]
    sums = on_gpu.step(*(part.cuda() for part in batch)).cpu()
    assert torch.allclose(sums, on_cpu.step(*batch), rtol=1e-4)


@pytest.mark.gpu
def test_a_step_on_the_gpu_agrees_with_the_cpu(few):
    config = configs_of()[0]
    batch, sums = train.to_tensors(few, "cpu"), []
    for device in ("cuda", "cpu"):
        net = train.build_model(config).to(device)
        optimizer = torch.optim.AdamW(net.parameters(), betas=train.BETAS, fused=True)
        for _ in range(3):
            parts = [part.to(device) for part in batch]
            totals = train.training_step(net, optimizer, *parts, n_asked=train.most_blanks(few))
        sums.append(totals.cpu())
    assert torch.allclose(*sums, rtol=1e-4)


@pytest.mark.gpu
def test_stacked_runs_on_the_gpu_learn_what_they_learn_alone(few):
    # 64 boards in batches of 24: the last batch of each epoch is smaller than what was captured
    changes = dict(epochs=6, batch_size=24, steps_per_epoch=None)
    configs = configs_of(**changes)
    for result in stack.fit_stack(configs, few, few, device="cuda"):
        alone = train.fit(result.config, few, few, device="cuda")
        for one, other in zip(result.history, alone.history, strict=True):
            assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)
