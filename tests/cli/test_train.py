import subprocess
import sys

import pytest
import torch

from sudoku_sweep import data
from sudoku_sweep.cli import train
from sudoku_sweep.cli.main import main
from sudoku_sweep.model import load_checkpoint

SHORT = ["--epochs=1", "--batch-size=32", "--steps-per-epoch=2", "--boards=100"]
TINY = [*SHORT, "--embedding-dim=6", "--attention-dim=6"]


@pytest.mark.slow
def test_train_saves_a_net_that_says_how_it_was_made(tmp_path, capsys):
    path = tmp_path / "new folder" / "net.pt"
    assert main(["train", *TINY, "--test", "--save", str(path)]) == 0
    net, metadata = load_checkpoint(path)
    assert net.sizes["n_heads"] == 3 and metadata["config"]["embedding_dim"] == 6
    assert metadata["steps"] == 2 and metadata["training_boards"] == 100
    assert set(metadata["scores"]) == {"validation", "test"}
    assert "validation: " in capsys.readouterr().out


def test_the_final_preset_is_that_of_the_shipped_net():
    _, metadata = load_checkpoint(data.DATA_DIR / "winner.pt")
    made = metadata["config"] | {"boards": metadata["training_boards"]}
    made["minimal"] = metadata["minimal"]
    assert train.FINAL.items() <= made.items()


@pytest.mark.slow
def test_the_final_preset_trains_and_is_scored_on_minimal_boards_too(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "N_MINIMAL", 8)
    path = tmp_path / "net.pt"
    final = ["--preset", "final", "--minimal", "4", "--continued", "3"]
    assert main(["train", *SHORT, *final, "--save", str(path)]) == 0
    net, metadata = load_checkpoint(path)
    assert net.sizes["n_loops"] == train.FINAL["n_loops"] and metadata["minimal"] == 4
    assert metadata["training_boards"] == 100 and metadata["config"]["continued"] == 3
    names, scores = [*metadata["scores"]], [*metadata["scores"].values()]
    kinds = ["validation, minimal: singles do", "validation, minimal: more is needed"]
    assert names[:3] == ["validation", *kinds]
    assert sum(part["boards"] for part in scores[1:3]) == 8
    assert "clues" in names[3] and sum(part["boards"] for part in scores[3:]) == 8


@pytest.mark.slow
@pytest.mark.parametrize("continued", [0, 8])
def test_two_processes_share_every_batch_and_train_the_net_that_one_trains(tmp_path, continued):
    # the last batch has one new board
    uneven = ["--steps-per-epoch=4", f"--batch-size={33 + continued}", f"--continued={continued}"]
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    nets, printed = [], []
    for name, by in (("alone", []), ("together", torchrun)):
        command = [*by, "sudoku_sweep", "train", *TINY, *uneven, "--save", f"{tmp_path}/{name}.pt"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
        nets.append(load_checkpoint(tmp_path / f"{name}.pt")[0])
        printed.append([line.split()[:2] for line in done.stdout.splitlines()[:-1]])
    assert printed[0] == printed[1]
    for one, other in zip(*map(torch.nn.Module.parameters, nets), strict=True):
        assert torch.allclose(one, other, atol=1e-3)


@pytest.mark.slow
def test_train_logs_a_run_when_asked_to(in_tmp_path, tmp_path):
    assert main(["train", *TINY, "--wandb", "--validation-boards=4"]) == 0
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))) == 1
