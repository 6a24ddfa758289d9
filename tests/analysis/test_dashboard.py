import math

import pytest

optuna = pytest.importorskip("optuna", reason="pip install -e '.[dashboard]'")
from sudoku_sweep.analysis import dashboard  # noqa: E402

STATES = {"finished": "COMPLETE", "stopped": "PRUNED", "running": "RUNNING"}
STATES |= {"failed": "FAIL", "crashed": "FAIL"}
SPACE = {"opt.lr": (1e-4, 0.1, True), "layers": range(1, 5), "kind": ["a", [1, 2], None, math.nan]}


@pytest.fixture
def shown():
    """A function that shows runs in a study, as often as it is called; returns the study's trials."""
    storage = optuna.storages.InMemoryStorage()

    def show(*runs, space=SPACE, goal="maximize"):
        dashboard.show_runs(storage, "study", runs, ("val_accuracy", goal), space)
        return optuna.load_study(study_name="study", storage=storage).trials

    show.storage = storage
    return show


def test_a_run_is_a_trial_with_its_state_and_a_score_if_it_finished_with_one(make_run, shown):
    runs = [make_run(state, state, val_accuracy=0.5) for state in STATES]
    trials = shown(*runs, *(make_run(f"{one}", val_accuracy=one) for one in ("NaN", math.inf)))
    assert [trial.state.name for trial in trials] == [*STATES.values(), "FAIL", "FAIL"]
    assert [trial.value for trial in trials] == [0.5] + [None] * 6


@pytest.mark.parametrize("kind, choice", [([1, 2], "[1, 2]"), (None, None), (math.nan, "NaN")])
def test_searched_settings_are_parameters_all_else_is_kept(make_run, shown, kind, choice):
    run = make_run("a", _timestamp=1e9, _runtime=60.0, val_accuracy=0.1, val={"loss": 2})
    run.config = {"opt": {"lr": 0.01, "beta": 1}, "layers": 2, "kind": kind, "epochs": 3}
    (trial,) = shown(run)
    assert trial.params == {"opt.lr": 0.01, "layers": 2, "kind": choice}
    rate, layers, kinds = (trial.distributions[name] for name in SPACE)
    assert (rate.low, rate.high, rate.log, layers.low, layers.high) == (1e-4, 0.1, True, 1, 4)
    assert kinds.choices == ("a", "[1, 2]", None, "NaN")
    kept = {"config.opt.beta": 1, "config.epochs": 3}
    kept |= {"summary.val_accuracy": 0.1, "summary.val.loss": 2}
    assert trial.user_attrs == {"id": "a", "name": "a"} | kept
    assert trial.duration.total_seconds() == 60 and trial.datetime_complete.timestamp() == 1e9
    run.id, run.config = "b", {"opt": {"lr": 0.5}, "layers": "two", "kind": "b"}
    *_, changed_since = shown(run)  # outside of what was searched
    assert not changed_since.params and changed_since.user_attrs["config.opt.lr"] == 0.5


def test_a_run_that_ends_fills_in_its_trial_and_new_runs_are_added(make_run, shown):
    first, second = make_run("a", "running", rate=0.1), make_run("b", val_accuracy=0.5)
    space = {"learning_rate": [0.1, 0.2]}
    first.rows.clear()
    assert [trial.state.name for trial in shown(first, space=space)] == ["RUNNING"]
    first.state, first.summary = "finished", {"val_accuracy": 0.7}
    first.rows += [{"_step": 3, "val_accuracy": 0.6}, {"_step": 7, "val_accuracy": "NaN"}]
    ended, added = shown(first, second, space=space)
    assert ended.state.name == "COMPLETE" and ended.params == {"learning_rate": 0.1}
    assert ended.value == 0.7 and ended.intermediate_values == {3: 0.6}
    assert ended.user_attrs["summary.val_accuracy"] == 0.7 and added.value == 0.5
    assert shown(first, second, space=space) == [ended, added]


@pytest.mark.parametrize("goal, best", [("maximize", "b"), ("minimize", "a")])
def test_the_best_trial_is_by_the_goal(make_run, shown, goal, best):
    shown(make_run("a", val_accuracy=0.1), make_run("b", val_accuracy=0.2), goal=goal)
    study = optuna.load_study(study_name="study", storage=shown.storage)
    assert study.best_trial.user_attrs["id"] == best and study.metric_names == ["val_accuracy"]
