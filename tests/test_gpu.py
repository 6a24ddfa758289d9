"""What only a CUDA device can show: ``make test-gpu``."""

import pytest

from sudoku_sweep import data, local, train
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.cli.main import main
from sudoku_sweep.config import Config
from sudoku_sweep.solver import solve

pytestmark = pytest.mark.gpu


def test_same_seed_same_history(boards):
    config = Config(epochs=3, steps_per_epoch=20, batch_size=64, rollout=16, validate_every=3)
    first, again = (train.fit(config, boards, boards, device="cuda").history for _ in range(2))
    assert again == first


def test_a_net_solves_on_the_gpu_what_it_solves_on_the_cpu(boards):
    nets = [load_checkpoint(data.DATA_DIR / "winner.pt", device)[0] for device in ("cpu", "cuda")]
    on_cpu, on_gpu = (solve(net, boards.quizzes) for net in nets)
    assert (on_cpu.boards == on_gpu.boards).all() and on_gpu.solved.all()
    metrics = [vars(train.evaluate(net, boards)) for net in nets]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-3)


def test_two_workers_share_the_gpu_and_it_is_noted(in_tmp_path):
    assert main(["sweep", "--preset", "quick"]) == 0
    assert main(["agent", "--workers=2", "--count=1", "--device=cuda"]) == 0
    runs = local.runs(local.latest_sweep())
    assert [run.state for run in runs] == ["finished"] * 2
    assert all("NVIDIA" in run.summary["device"] for run in runs)
