import io
import json
import math

import pytest

optuna = pytest.importorskip("optuna", reason="pip install -e '.[dashboard]'")
from sudoku_sweep.analysis import dashboard  # noqa: E402

METRIC = {"name": "val_accuracy", "goal": "maximize"}
STATES = {"finished": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL", "crashed": "FAIL"}
SPACE = {"opt.lr": [1e-4, 0.1], "layers": [1, 4], "kind": ["a", [1, 2], None, math.nan]}


@pytest.fixture
def shown():
    """A function that shows runs in a study, as often as it is called; returns the study's trials."""
    storage = optuna.storages.InMemoryStorage()

    def show(*runs, space=SPACE, **metric):
        dashboard.show_runs(storage, "study", runs, [METRIC | metric], space)
        return optuna.load_study(study_name="study", storage=storage).trials

    show.storage = storage
    return show


def test_a_run_is_a_trial_with_its_state_and_a_score_if_it_finished_with_one(make_run, shown):
    runs = [make_run(state, state, val_accuracy=0.5) for state in STATES]
    entries = ({"max": 0.7}, "NaN", math.inf, "0.9", True)
    trials = shown(*runs, *(make_run(f"{one}", val_accuracy=one) for one in entries))
    assert [one.state.name for one in trials] == [*STATES.values(), "COMPLETE"] + ["FAIL"] * 4
    assert [trial.value for trial in trials] == [0.5, *[None] * 3, 0.7, *[None] * 4]


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


def test_a_run_is_added_when_it_has_ended(make_run, shown):
    first, second = make_run("a", "running"), make_run("b", val_accuracy=0.5)
    (added,) = shown(first, second)
    first.state, first.summary = "finished", {"val_accuracy": 0.7}
    first.rows = [{"_step": 3, "val_accuracy": 0.6}, {"_step": 7, "val_accuracy": "NaN"}]
    skipped = make_run("c")  # finished, and has logged nothing
    _, ended, _ = trials = shown(first, second, skipped)
    assert (added.value, ended.value, ended.intermediate_values) == (0.5, 0.7, {3: 0.6})
    assert shown(first, second, skipped) == trials and trials[0] == added


@pytest.mark.parametrize("goal, best", [("maximize", "b"), ("minimize", "a")])
def test_the_best_trial_is_by_the_goal(make_run, shown, goal, best):
    shown(make_run("a", val_accuracy=0.1), make_run("b", val_accuracy=0.2), goal=goal)
    study = optuna.load_study(study_name="study", storage=shown.storage)
    assert study.best_trial.user_attrs["id"] == best and study.metric_names == ["val_accuracy"]


@pytest.mark.parametrize(
    "values, kind",
    [
        ([1, 9, 27], "IntDistribution(high=27, log=True, low=1, step=1)"),
        ([18, 27], "IntDistribution(high=27, log=False, low=18, step=1)"),
        ([0.5, 0, 2], "FloatDistribution(high=2.0, log=False, low=0.0, step=None)"),
        ([1e-4, 1e-2], "FloatDistribution(high=0.01, log=True, low=0.0001, step=None)"),
        ([True, False], "CategoricalDistribution(choices=(True, False))"),
        ([1, None], "CategoricalDistribution(choices=(1, None))"),
        ([f"{at}" for at in range(100)], None),
        (["a" * 10_000, "b"], None),
    ],
)
def test_a_list_is_said_in_few_words_in_each_trial(make_run, shown, values, kind):
    run = make_run("a", val_accuracy=0.5)
    run.config = {"x": values[0], "y": 1}
    (trial,) = shown(run, space={"x": values, "y": [1, 2]})
    assert str(trial.distributions.get("x")) == str(kind) and trial.params["y"] == 1
    shown_value = trial.params["x"] if kind else trial.user_attrs["config.x"]
    assert shown_value == values[0] or (not kind and values[0].startswith(shown_value[:-3]))


@pytest.fixture
def answer(shown):
    """A function that asks the page, and gives the answer's status and text."""
    page = dashboard.guarded(dashboard.optuna_dashboard.wsgi(shown.storage))

    def ask(path, host="localhost", method="GET"):
        request = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO()}
        request |= {} if host is None else {"HTTP_HOST": host}
        heads = []
        parts = page(request, lambda *head: heads.append(head))
        return heads[0][0][:3], b"".join(parts)

    return ask


def test_a_study_of_2000_runs_is_fetched_in_5_megabytes(make_run, shown, answer):
    made = [make_run(f"{at}", val_accuracy=at / 2000) for at in range(2000)]
    for at, run in enumerate(made):
        run.id, run.summary["note"] = f"{at:08}", "x" * 10_000
        run.config = {"a": at, "kind": f"kind {at % 15}", "path": f"{at}.txt", "epochs": 100}
        run.rows = [{"_step": step, "val_accuracy": step / 100} for step in range(100)]
    lists = {name: [run.config[name] for run in made] for name in made[0].config}
    shown(*made, space=lists)
    status, study = answer("/api/studies/0")
    assert status == "200" and len(study) <= 5_000_000
    trials = json.loads(study)["trials"]
    assert len(trials) == 2000 and len(trials[0]["params"]) == 3
    curve = [(point["step"], point["value"]) for point in trials[7]["intermediate_values"]]
    assert len(curve) == 10 and (curve[0], curve[-1]) == ((9, 0.09), (99, 0.99))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8080", "127.0.0.1:1"])
def test_the_page_is_for_this_machine(answer, host):
    assert answer("/api/meta", host)[0] == "200"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "evil:localhost", "", None]
)
def test_a_page_elsewhere_reads_nothing_by_another_name_of_this_machine(answer, host):
    assert answer("/api/meta", host)[0] == "403"


@pytest.mark.parametrize("method, path", [("DELETE", ""), ("POST", "/rename"), ("PUT", "/note")])
def test_the_page_is_for_looking_so_a_study_stays_what_it_is(make_run, shown, answer, method, path):
    shown(make_run("a", val_accuracy=0.5))
    assert answer(f"/api/studies/0{path}", method=method)[0] == "403"
    assert answer("/api/studies/0")[0] == "200"


def test_of_several_metrics_the_page_knows_the_pareto_front(make_run):
    storage = optuna.storages.InMemoryStorage()
    values = [(0.9, 3.0), (0.5, 1.0), (0.4, 2.0)]
    runs = [make_run(f"r{one}", val_accuracy=one, cost=cost) for one, cost in values]
    runs.append(make_run("half", val_accuracy=0.7))
    dashboard.show_runs(storage, "study", runs, [METRIC, {"name": "cost"}], {})
    study = optuna.load_study(study_name="study", storage=storage)
    assert [tuple(trial.values) for trial in study.best_trials] == values[:2]
    assert study.trials[3].state.name == "FAIL"


def test_a_look_at_which_nothing_has_ended_goes_through_no_run(make_run, shown, monkeypatch):
    shown(make_run("a", val_accuracy=0.5))
    monkeypatch.setattr(dashboard.tables, "runs_frame", None)
    (trial,) = shown(make_run("a", val_accuracy=0.5), make_run("b", "running"))
    assert trial.value == 0.5
