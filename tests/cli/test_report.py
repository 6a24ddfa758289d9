"""``report``, and what ``dashboard`` is told; the dashboard in a browser is in test_dashboard.py."""

import sys

import pytest
import wandb

from sudoku_sweep import analysis, local
from sudoku_sweep.cli.main import main

pytestmark = pytest.mark.usefixtures("in_tmp_path")
CONFIG = {"method": "grid", "parameters": {"a": {"values": [3, 7]}}}


def log_accuracy():
    with wandb.init() as run:
        run.log({"val_accuracy": run.config.a / 10})


@pytest.mark.parametrize("goal", [{"goal": "minimize"}, {}])
def test_report_prints_the_leaderboard_of_the_latest_sweep_best_first(capsys, goal):
    sweep_id = local.sweep(CONFIG | {"metric": {"name": "val_accuracy"} | goal})
    assert main(["report"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    local.agent(sweep_id, function=log_accuracy)
    capsys.readouterr()
    assert main(["report"]) == 0
    listed, _, title, _, *rows = capsys.readouterr().out.splitlines()[1:]
    assert listed.split() == [sweep_id, "grid", "2", "val_accuracy", "0.3"]
    assert sweep_id in title and "run-1" in rows[0] and "run-2" in rows[1]


def test_all_sweeps_are_listed_and_the_latest_with_a_name_is_reported(capsys, tmp_path):
    named = local.sweep(CONFIG | {"name": "first"})
    (tmp_path / "mine.yaml").write_text(str(CONFIG | {"program": "mine.py"}))
    assert main(["sweep", "mine.yaml"]) == 0  # named after its file
    of_file, demonstration = local.latest_sweep(), local.sweep(CONFIG)
    for asked, found in [("", of_file), ("first", named), (demonstration, demonstration)]:
        capsys.readouterr()
        assert main(["report", *asked.split()]) == 0
        printed = capsys.readouterr().out
        assert f"local sweep {found}, 0 runs" in printed
        places = [printed.index(sweep_id) for sweep_id in (named, of_file, demonstration)]
        assert places == sorted(places)


def test_the_dashboard_shows_all_sweeps_with_what_each_searches(monkeypatch):
    optuna = pytest.importorskip("optuna", reason="pip install -e '.[dashboard]'")
    from sudoku_sweep.analysis import dashboard

    rate = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
    inside = {"parameters": {"drop": {"min": 0.0, "max": 0.5}}}
    opt = {"values": [{"name": "sgd"}, {"name": "adam"}]}
    parameters = {"rate": rate, "n": {"min": 1, "max": 9}, "inside": inside, "opt": opt}
    parameters |= CONFIG["parameters"] | {"fixed": {"value": 3}}
    metric = {"name": "val_accuracy", "goal": "maximize"}
    config = {"method": "random", "run_cap": 1, "metric": metric, "parameters": parameters}
    sweep_id, storage = local.sweep(config | {"name": "mine"}), optuna.storages.InMemoryStorage()

    def serve(look, browser):
        list(look())
        local.agent(sweep_id, function=log_accuracy)  # while the page is open
        later = local.sweep(config)
        for study in look():
            dashboard.show_runs(storage, *study)
        assert optuna.get_all_study_names(storage) == [f"mine {sweep_id}", later] and browser

    monkeypatch.setattr(dashboard, "serve", serve)
    assert main(["dashboard"]) == 0
    (trial,) = optuna.load_study(study_name=f"mine {sweep_id}", storage=storage).trials
    kinds = {name: type(one).__name__[:3] for name, one in trial.distributions.items()}
    numbers = {"rate": "Flo", "n": "Int", "inside.drop": "Flo"}
    assert kinds == numbers | {"a": "Cat", "opt.name": "Cat"}
    assert trial.distributions["rate"].log and trial.value == trial.params["a"] / 10


def test_without_the_packages_of_the_dashboard_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "sudoku_sweep.analysis.dashboard", raising=False)
    monkeypatch.delattr(analysis, "dashboard", raising=False)
    assert main(["dashboard"]) == 2
    error = capsys.readouterr().err
    assert 'needs optuna: pip install -e ".[dashboard]"' in error and error.count("\n") == 1
