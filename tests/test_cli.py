import hashlib

import pytest

from sudoku_sweep import data, local
from sudoku_sweep.__main__ import main
from sudoku_sweep.model import load_checkpoint


def test_data_writes_the_shipped_files(tmp_path, capsys):
    assert main(["data", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for name in data.SPLIT_SEEDS:
        written = (tmp_path / f"sudoku_{name}.csv").read_bytes()
        assert written == (data.DATA_DIR / f"sudoku_{name}.csv").read_bytes()
        assert hashlib.sha256(written).hexdigest() in out


def test_data_writes_other_boards(tmp_path):
    path = tmp_path / "mine.csv"
    assert (
        main(["data", "--out", str(path), "--boards", "30", "--seed", "5", "--clues", "40", "50"])
        == 0
    )
    clues = (data.load_boards(path).quizzes > 0).sum(1)
    assert len(clues) == 30 and clues.min() >= 40 and clues.max() <= 50


def test_data_refuses_to_write_splits_that_share_a_grid(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "SPLIT_SEEDS", {"train": 0, "validation": 1, "test": 1})
    assert main(["data", "--folder", str(tmp_path)]) == 2
    assert "change its seed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_train_saves_a_net_with_a_card_that_says_how_to_make_it_again(tmp_path, capsys):
    path = tmp_path / "net.pt"
    flags = "--embedding-dim 6 --attention-dim 6 --n-heads 3 --epochs 1 --batch-size 32 --steps-per-epoch 2"
    assert main(["train", *flags.split(), "--boards", "100", "--test", "--save", str(path)]) == 0
    net, about = load_checkpoint(path)
    assert net.shape["n_heads"] == 3
    assert about["steps"] == 2 and about["training_boards"] == 100
    assert set(about["scores"]) == {"validation", "test"}
    card = path.with_suffix(".md").read_text()
    assert flags.replace("--n-heads 3", "--n-heads 3 --n-loops 2 --mlp-ratio 2") in card
    assert "python -m sudoku_sweep train" in card and "--boards 100" in card and "--test" in card
    assert "validation: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["train", "--attention-dim", "10", "--n-heads", "3"], "multiple of n_heads"),
        (["train", "--epochs", "-1"], "epochs=-1"),
        (["data", "--out", "x.csv", "--clues", "50", "40"], "clues=(50, 40)"),
        (["data", "--boards", "5"], "--boards go with --out"),
        (["data", "--out", "x.csv", "--folder", "y"], "not both"),
        (["data", "--out", "x.csv", "--seed", "-1"], "seed -1"),
        (["train", "--save", "net.md"], "ends in .pt"),
        (["train", "--save", "."], "ends in .pt"),
        (["train", "--device", "cuda"], "no GPU"),
        (["report", "../../x"], "no local sweep"),
        (["report"], "no local sweep here yet"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(
    arguments, word, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["train", "--threads", "0"], ["data", "--boards", "-3"]])
def test_numbers_below_one_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and "at least 1" in capsys.readouterr().err


def test_report_prints_the_leaderboard_of_the_latest_sweep(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def log_accuracy():
        import wandb

        with wandb.init() as run:
            run.log({"val_accuracy": run.config.a / 10})

    metric = {"name": "val_accuracy", "goal": "minimize"}
    parameters = {"a": {"values": [3, 7]}}
    sweep_id = local.sweep({"method": "grid", "metric": metric, "parameters": parameters})
    assert main(["report"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    local.agent(sweep_id, function=log_accuracy)
    capsys.readouterr()
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sweep_id in lines[0] and "2 runs" in lines[0]
    assert "run-1" in lines[2] and "run-2" in lines[3]  # the sweep asked for the lowest


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("data", "train", "report"))
