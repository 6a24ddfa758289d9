import re
from pathlib import Path
from unittest import mock

import pytest
import wandb

from scripts import model_card
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.cli import train
from sudoku_sweep.cli.main import main
from sudoku_sweep.config import Config
from sudoku_sweep.train import Metrics

pytestmark = pytest.mark.slow
SHORT = dict(epochs=1, batch_size=32, steps_per_epoch=2, validation_boards=4)
FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SHORT.items()]


def test_a_net_says_how_it_was_made_and_how_good_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "N_MINIMAL", 8)
    path = tmp_path / "new folder" / "net.pt"
    few = ["--boards=100", "--minimal=4", "--rollout=3"]
    assert main(["train", *FLAGS, *few, "--test", f"--save={path}"]) == 0
    _, metadata = load_checkpoint(path)
    assert metadata["config"] == dict(Config(**SHORT, rollout=3))
    assert (metadata["steps"], metadata["training_boards"], metadata["minimal"]) == (2, 100, 4)
    n_boards = {name: scores["boards"] for name, scores in metadata["scores"].items()}
    for split in ("validation", "test"):
        assert n_boards[split] == 2000
        minimal = [n for name, n in n_boards.items() if name.startswith(f"{split}, minimal: ")]
        assert sum(minimal[:2]) == sum(minimal[2:]) == 8  # by singles or more; by clues
    out = capsys.readouterr().out
    assert "1 epochs of 2 steps: CPU" in out and re.search(r"^epoch 1/1 .* 0 s left$", out, re.M)
    assert "making 8 of them minimal" in out and "test, minimal: singles do: " in out


@pytest.mark.parametrize("n_evaluated, n_epochs", [(1, 1), (3, 3)])  # of the second, it was scored
@pytest.mark.parametrize("more", [[], ["--wandb"]])
def test_a_ctrl_c_saves_what_there_is(
    in_tmp_path, monkeypatch, capsys, more, n_evaluated, n_epochs
):
    metrics = Metrics(1.0, 0.5, 0.0, 0.0)
    evaluate = mock.Mock(side_effect=[metrics] * n_evaluated + [KeyboardInterrupt])
    monkeypatch.setattr("sudoku_sweep.train.evaluate", evaluate)
    lines = ["train", *FLAGS, "--epochs=3", "--validate-every=1", "--boards=100"]
    assert main([*lines, *more, "--save=net.pt"]) == 130
    _, metadata = load_checkpoint("net.pt")
    assert (metadata["epochs"], metadata["steps"]) == (n_epochs, 2 * n_epochs)
    interrupted = n_epochs < 3
    assert ("saved net.pt after 1 of 3 epochs" in capsys.readouterr().out) == interrupted
    card = model_card.card_text(Path("net.pt"), metadata)
    assert ("interrupted after 1 of 3 epochs" in card) == interrupted
    wandb.teardown()  # it has read its settings in this folder


def test_train_logs_a_run_when_asked_to(in_tmp_path, tmp_path):
    assert main(["train", *FLAGS, "--boards=100", "--wandb"]) == 0
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))) == 1
