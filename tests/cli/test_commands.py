import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from sudoku_sweep import data, local, sweeps
from sudoku_sweep.analysis import results
from sudoku_sweep.cli import commands
from sudoku_sweep.cli.main import main
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
    card = path.with_suffix(".md").read_text("utf-8")
    assert flags.replace("--n-heads 3", "--n-heads 3 --n-loops 2 --mlp-ratio 2") in card
    assert "python -m sudoku_sweep train" in card and "--boards 100" in card and "--test" in card
    assert "validation: " in capsys.readouterr().out


@pytest.mark.slow
def test_the_final_preset_thins_boards_and_is_scored_on_such_boards_too(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "THINNED", 8)
    monkeypatch.setattr(data.training_boards, "__defaults__", (tmp_path,))
    path = tmp_path / "net.pt"
    few = "--epochs 1 --batch-size 32 --steps-per-epoch 2 --boards 100 --thin 4"
    assert main(["train", "--preset", "final", *few.split(), "--save", str(path)]) == 0
    net, about = load_checkpoint(path)
    assert net.shape["n_loops"] == commands.FINAL["n_loops"] and about["thinned"] == 4
    kinds = ["validation, thinned: singles do", "validation, thinned: more is needed"]
    assert list(about["scores"]) == ["validation", *kinds]
    assert sum(about["scores"][kind]["boards"] for kind in kinds) == 8
    card = path.with_suffix(".md").read_text("utf-8")
    assert "--thin 4 --boards 100 --save" in card
    assert all(kind in card for kind in kinds)


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
        (["train", "--row", "0", "--n-heads", "3"], "no other settings"),
        (["train", "--row", "0", "--preset", "final"], "no other settings"),
        (["train", "--thin", "30", "--boards", "20"], "thin 30 of 20"),
        (["train", "--save", "."], "ends in .pt"),
        (["train", "--device", "cuda"], "no GPU"),
        (["report", "../../x"], "no local sweep"),
        (["report"], "no local sweep in wandb/local-sweeps yet"),
        (["agent"], "no local sweep in wandb/local-sweeps yet"),
        (["agent", "00000000", "--workers", "2"], "no local sweep '00000000'"),
        (["sweep", "nowhere.yaml"], "nowhere.yaml"),
        (["sweep", "nowhere.yaml", "--preset", "quick"], "give one of"),
        (["sweep", "--resume", "nowhere.csv"], "nowhere.csv is no file of results"),
        (["sweep", "--repeat", "nowhere.csv"], "nowhere.csv is no file of results"),
        (["sweep", "--repeat", "nowhere.csv", "--resume", "other.csv"], "give one of"),
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

    metric = {"name": "val_accuracy"}  # W&B minimizes unless told otherwise
    sweep_id = local.sweep({"method": "grid", "metric": metric, "parameters": parameters})
    local.agent(sweep_id, function=log_accuracy)
    capsys.readouterr()
    assert main(["report"]) == 0
    assert "run-1" in capsys.readouterr().out.splitlines()[2]


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(
        command in out for command in ("data", "train", "sweep", "agent", "export", "report")
    )


def test_every_command_explains_its_flags(capsys):
    for command in ("data", "train", "sweep", "agent", "export", "report"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        helped = capsys.readouterr().out
        assert helped.count("\n  ") >= 1 and "None" not in helped.replace("default None", "")


def test_the_package_starts_without_wandb_scikit_learn_and_matplotlib():
    script = (
        "import sys, sudoku_sweep, sudoku_sweep.__main__\n"
        "print({'wandb', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


# --- sweeps -----------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  learning_rate: {values: [1.0e-3, 2.0e-3, 3.0e-3, 4.0e-3]}
  embedding_dim: {value: 6}
  attention_dim: {value: 6}
  n_heads: {value: 3}
  epochs: {value: 1}
  batch_size: {value: 32}
  steps_per_epoch: {value: 1}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def test_sweep_yaml_is_the_notebook_s_sweep_and_can_be_run_here(folder, capsys):
    config = yaml.safe_load((ROOT / "sweep.yaml").read_text("utf-8"))
    assert {key: config[key] for key in sweeps.FULL} == sweeps.FULL
    assert config["project"] == sweeps.PROJECT
    assert main(["sweep", str(ROOT / "sweep.yaml")]) == 0
    assert local.sweep_config(local.latest_sweep()) == config
    out = capsys.readouterr().out
    assert "240 runs" in out and f"python -m sudoku_sweep agent {local.latest_sweep()}" in out


def test_sweep_without_a_file_sets_up_the_notebook_s_sweep(folder):
    assert main(["sweep"]) == 0  # the tests' environment asks for quick
    config = local.sweep_config(local.latest_sweep())
    assert config == sweeps.PRESETS["quick"].sweep() and local.grid_size(config) == 6


def test_a_file_that_is_no_sweep_is_refused(folder, capsys):
    for content in ("parameters: [", "[1, 2]", "method: grid\nparameters: {epochs: {value: -1}}"):
        (folder / "wrong.yaml").write_text(content)
        assert main(["sweep", "wrong.yaml"]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert not list(folder.glob("wandb/*"))


def test_a_card_replaces_no_other_file(tmp_path, capsys):
    notes = tmp_path / "notes.md"
    notes.write_text("my notes")
    assert main(["train", "--save", str(tmp_path / "notes.pt")]) == 2
    assert "would replace notes.md" in capsys.readouterr().err and notes.read_text() == "my notes"
    (tmp_path / "folder.md").mkdir()
    assert main(["train", "--save", str(tmp_path / "folder.pt")]) == 2
    assert "folder.md" in capsys.readouterr().err


def test_output_that_nobody_reads_any_more_is_no_error(folder):
    for command in ("sweep small.yaml", "train --epochs 1 --boards 64 --validation-boards 4"):
        line = f"{sys.executable} -m sudoku_sweep {command} | true"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=folder)
        assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("visible", "used"),
    [(None, ["0", "1", "0"]), ("2,MIG-5", ["2", "MIG-5", "2"]), ("7", ["7"] * 3)],
)
def test_workers_take_turns_on_the_gpus_that_are_theirs(folder, monkeypatch, visible, used):
    class Worker:
        def __init__(self, command, env):
            started.append(env.get("CUDA_VISIBLE_DEVICES"))

        def wait(self):
            return 0

    started = []
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(subprocess, "Popen", Worker)
    assert main(["sweep", "small.yaml"]) == main(["agent", "--workers", "3"]) == 0
    assert started == used


@pytest.mark.slow
def test_workers_share_a_sweep_and_report_shows_it(folder):
    def command(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "sudoku_sweep", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "4 runs" in command("sweep", "small.yaml")
    small = ("--boards", "64", "--validation-boards", "4")
    command("agent", "--count", "1", *small)
    out = command("agent", "--workers", "2", *small)
    assert out.count(" finished |") == 3
    runs = local.runs(local.latest_sweep())
    assert [run.state for run in runs] == ["finished"] * 4
    assert {run.config["learning_rate"] for run in runs} == {1e-3, 2e-3, 3e-3, 4e-3}
    assert {run.config["mlp_ratio"] for run in runs} == {2}  # defaults are recorded, too
    assert "4 runs, by val_accuracy" in command("report")


@pytest.mark.slow
def test_train_logs_a_run_when_asked_to(folder):
    flags = ["--embedding-dim=6", "--attention-dim=6", "--epochs=1", "--steps-per-epoch=1"]
    assert main(["train", "--wandb", "--boards=64", "--validation-boards=4", *flags]) == 0
    assert len(list(folder.glob("wandb/offline-run-*/run-*.wandb"))) == 1


@pytest.mark.slow
def test_a_sweep_is_exported_and_resumed(folder, capsys, monkeypatch):
    small = ["--validation-boards", "4", "--boards", "16"]
    (folder / "two.yaml").write_text(
        "method: grid\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
        "  n_heads: {values: [1, 3]}\n  epochs: {value: 1}\n  batch_size: {value: 8}\n"
    )
    assert main(["sweep", "two.yaml"]) == main(["agent", "--count", "1", *small]) == 0
    assert main(["export", "two.csv"]) == main(["sweep", "--resume", "two.csv"]) == 0
    assert main(["agent", *small]) == main(["export", "two.csv"]) == 0
    assert "two.csv: 2 runs" in capsys.readouterr().out
    _, runs = results.load("two.csv")
    assert [run.config["n_heads"] for run in runs] == [1, 3]
    for run in runs:
        assert "1 thread(s), torch" in run.summary["device"]
        assert run.summary["commit"] == commands._commit()  # empty outside of a checkout
    assert main(["train", "--row", "1", "--results", "two.csv", *small]) == 0
    out = capsys.readouterr().out
    again = re.findall(r"^\w+: (\S+), in the file (\S+)$", out, re.M)
    assert len(again) >= 6 and all(now == then for now, then in again)
    assert main(["train", "--row", "2", "--results", "two.csv"]) == 2
    assert "no row with index 2" in capsys.readouterr().err


@pytest.mark.slow
def test_a_row_that_was_stopped_early_can_be_trained_to_its_end(folder, capsys, monkeypatch):
    settings = {"epochs": 1, "batch_size": 8, "steps_per_epoch": 1}
    stopped = local.LocalRun(
        index=0,
        id="a",
        name="",
        state="stopped",
        config=settings,
        summary={"train_loss": "NaN"},  # as wandb keeps it
        error=None,
        seconds=1.0,
        rows=[],
    )
    monkeypatch.setattr(results, "load", lambda _: ({}, [stopped]))
    small = ["--validation-boards", "4", "--boards", "16"]
    assert main(["train", "--row", "0", *small, "--save", "net.pt"]) == 0
    out = capsys.readouterr().out
    assert "in the file NaN\n" in out and "in the file nothing: the run stopped\n" in out
    load_checkpoint("net.pt")


@pytest.mark.slow
def test_best_and_worst_runs_are_trained_again_with_other_seeds(folder, capsys, monkeypatch):
    monkeypatch.setattr(results, "REPEATED", 1)
    small = ["--boards", "64", "--validation-boards", "4"]
    assert main(["sweep", "small.yaml"]) == main(["agent", *small]) == 0
    assert main(["export", "all.csv"]) == main(["sweep", "--repeat", "all.csv"]) == 0
    assert main(["agent", *small]) == 0
    _, runs = results.load("all.csv")
    ranked = sorted(runs, key=lambda run: run.summary["val_accuracy"], reverse=True)
    again = local.runs(local.latest_sweep())
    assert [(run.config["row"], run.config["seed"]) for run in again] == [
        (run.index, seed) for seed in (1, 2) for run in (ranked[0], ranked[-1])
    ]
    for run in again:
        expected = runs[run.config["row"]].config | {"seed": run.config["seed"]}
        assert run.state == "finished"
        assert {name: run.config[name] for name in expected} == expected
    assert main(["export", "again.csv"]) == 0
    assert main(["train", "--row", "0", "--results", "again.csv", *small]) == 0
    out = capsys.readouterr().out
    assert all(now == then for now, then in re.findall(r": (\S+), in the file (\S+)$", out, re.M))


@pytest.mark.slow
def test_repeats_are_ranked_by_the_sweep_s_own_metric(folder, capsys):
    assert main(["sweep", "small.yaml"]) == 0
    small = ["--boards", "64", "--validation-boards", "4"]
    assert main(["agent", "--count", "1", *small]) == main(["export", "one.csv"]) == 0
    text = Path("one.csv").read_text("utf-8")
    Path("one.csv").write_text(text.replace('"name": "val_accuracy"', '"name": "nonsense"'))
    assert main(["sweep", "--repeat", "one.csv"]) == 2
    assert "no run has finished with a number for 'nonsense'" in capsys.readouterr().err
