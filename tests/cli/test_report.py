"""``report``, and what ``dashboard`` is told; the dashboard in a browser is in test_dashboard.py."""

import socket
import sys
from datetime import datetime

import pytest
import wandb

from sudoku_sweep import analysis, local
from sudoku_sweep.cli.main import main

pytestmark = pytest.mark.usefixtures("in_tmp_path")
CONFIG = {"method": "grid", "parameters": {"a": {"values": [3, 7]}}}


def log_accuracy():
    with wandb.init() as run:
        run.log({"val_accuracy": run.config.a / 10})


@pytest.fixture
def reported(capsys):
    """A function that gives what ``report`` prints: the list's rows, what is said of a sweep, the table's rows."""

    def report(*asked, status=0):
        capsys.readouterr()
        assert main(["report", *asked]) == status
        listed, _, table = capsys.readouterr().out.partition("\n\n")
        return listed.splitlines()[1:], *table.splitlines()

    return report


@pytest.mark.parametrize("goal", [{"goal": "minimize"}, {}])
def test_report_prints_the_leaderboard_of_the_latest_sweep_best_first(reported, goal):
    config = CONFIG | {"metric": {"name": "val_accuracy"} | goal, "program": "my.py"}
    sweep_id = local.sweep(config)
    _, said, how, none = reported()
    assert said == f"local sweep {sweep_id}, 0 of 2 runs done, program my.py, 0:00:00 in all"
    assert (how, none) == ("by val_accuracy, best first:", "no runs yet")
    local.agent(sweep_id, function=log_accuracy)
    (listed,), said, _, names, *rows = reported()
    now = f"{datetime.now():%Y-%m-%d}"
    wanted = [sweep_id, now, "grid", "2", "of", "2", "val_accuracy", "0.3"]
    assert [word for word in listed.split() if ":" not in word] == wanted
    assert f"2 of 2 runs done, program my.py, on {socket.gethostname()}, 0:00:0" in said
    assert names.split() == ["name", "state", "a", "val_accuracy", "seconds"]
    assert "run-1" in rows[0] and "run-2" in rows[1]


def test_the_latest_is_the_newest_and_a_name_is_that_of_the_newest_with_it(reported, tmp_path):
    first, named = local.sweep(CONFIG | {"name": "mine"}), local.sweep(CONFIG | {"name": "mine"})
    (tmp_path / "file.yaml").write_text(str(CONFIG | {"program": "mine.py"}))
    assert main(["sweep", "file.yaml"]) == 0  # named after its file
    of_file, newest = local.latest_sweep(), local.sweep(CONFIG)
    for asked, found in [("", newest), ("mine", named), (first, first), ("file", of_file)]:
        listed, said, *_ = reported(*asked.split())
        assert f"local sweep {found}, 0 of 2 runs done" in said
        assert [row.split()[0] for row in listed] == [first, named, of_file, newest]


def test_two_sweeps_are_compared_in_one_table(reported, capsys):
    metric = {"metric": {"name": "val_accuracy", "goal": "maximize"}}
    low, high, other = (
        local.sweep(CONFIG | metric),
        local.sweep(CONFIG | metric),
        local.sweep(CONFIG),
    )
    for sweep_id, best in ((low, 0.1), (high, 0.2)):
        run = local.Run(0, "a", "run-1", "finished", {"a": 3}, {"val_accuracy": best})
        local.open_sweep(sweep_id).save(run)
    _, _, _, how, _, *rows = reported(low, high)
    assert how == "by val_accuracy, best first:"
    assert [row.split()[1:3] for row in rows] == [[high, "run-1"], [low, "run-1"]]
    assert main(["report", low, other]) == 2
    assert "different metrics cannot be compared" in capsys.readouterr().err


def test_without_a_metric_to_rank_by_runs_stand_in_order_and_it_is_said(reported):
    without, wrong = local.sweep(CONFIG), local.sweep(CONFIG | {"metric": {"name": "acc"}})
    for sweep_id in (without, wrong):
        for at, value in enumerate((0.1, 0.2)):
            run = local.Run(at, f"{at}", f"run-{at}", "finished", {"a": at}, {"loss": value})
            local.open_sweep(sweep_id).save(run)
    listed, _, how, _, *rows = reported(without)
    assert how == "it names no metric, so in order:" and rows[0].split()[1:5] == [
        "run-0",
        "finished",
        "0",
        "0.1",
    ]
    assert listed[0].split()[-1] == "2" and listed[1].endswith("no acc")
    _, _, how, *_ = reported(wrong)
    assert how.startswith("no run has logged 'acc' as a number, but loss. ")


def test_the_dashboard_shows_all_sweeps_with_what_each_searches(monkeypatch, capsys):
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

    without = local.sweep(CONFIG)

    def serve(show, browser):
        show(storage)
        local.agent(sweep_id, function=log_accuracy)  # while the page is open
        later = local.sweep(config)
        show(storage)
        assert optuna.get_all_study_names(storage) == [f"mine {sweep_id}", later] and browser

    monkeypatch.setattr(dashboard, "serve", serve)
    assert main(["dashboard"]) == 0
    assert capsys.readouterr().out.count("names no metric") == 1
    assert main(["dashboard", without]) == 2 and "names no metric" in capsys.readouterr().err
    (trial,) = optuna.load_study(study_name=f"mine {sweep_id}", storage=storage).trials
    kinds = {name: type(one).__name__[:3] for name, one in trial.distributions.items()}
    numbers = {"rate": "Flo", "n": "Int", "inside.drop": "Flo"}
    assert kinds == numbers | {"a": "Int", "opt.name": "Cat"}
    assert trial.distributions["rate"].log and trial.value == trial.params["a"] / 10


def test_without_the_packages_of_the_dashboard_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "sudoku_sweep.analysis.dashboard", raising=False)
    monkeypatch.delattr(analysis, "dashboard", raising=False)
    assert main(["dashboard"]) == 2
    error = capsys.readouterr().err
    assert 'needs optuna: pip install -e ".[dashboard]"' in error and error.count("\n") == 1
