import pytest

from sudoku_sweep import data
from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.cli import train
from sudoku_sweep.cli.main import main

SHORT = ["--epochs=1", "--batch-size=32", "--steps-per-epoch=2", "--boards=100"]
TINY = [*SHORT, "--embedding-dim=6", "--attention-dim=6"]


@pytest.mark.slow
def test_train_saves_a_net_that_says_how_it_was_made(tmp_path, capsys):
    path = tmp_path / "new folder" / "net.pt"
    assert main(["train", *TINY, "--test", "--save", str(path)]) == 0
    _, metadata = load_checkpoint(path)
    assert metadata["config"]["n_heads"] == 3 and metadata["config"]["embedding_dim"] == 6
    assert metadata["steps"] == 2 and metadata["training_boards"] == 100
    assert set(metadata["scores"]) == {"validation", "test"}
    assert "validation: " in capsys.readouterr().out


@pytest.mark.slow
def test_the_final_preset_is_that_of_the_shipped_net_and_is_scored_on_minimal_boards_too(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(train, "N_MINIMAL", 8)
    path = tmp_path / "net.pt"
    few = ["--minimal=4", "--validation-boards=4", "--rollout=3"]
    assert main(["train", *SHORT, "--preset=final", *few, f"--save={path}"]) == 0
    (_, metadata), (_, shipped) = map(load_checkpoint, (path, data.DATA_DIR / "winner.pt"))
    assert metadata["training_boards"] == 100 and metadata["minimal"] == 4
    chosen = dict(epochs=1, steps_per_epoch=2, validation_boards=4, rollout=3)
    assert metadata["config"] == shipped["config"] | chosen
    names, scores = [*metadata["scores"]], [*metadata["scores"].values()]
    kinds = ["validation, minimal: singles do", "validation, minimal: more is needed"]
    assert names[:3] == ["validation", *kinds]
    assert sum(part["boards"] for part in scores[1:3]) == 8
    assert "clues" in names[3] and sum(part["boards"] for part in scores[3:]) == 8


@pytest.mark.slow
def test_train_logs_a_run_when_asked_to(in_tmp_path, tmp_path):
    assert main(["train", *TINY, "--wandb", "--validation-boards=4"]) == 0
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))) == 1
