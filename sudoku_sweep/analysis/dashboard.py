"""Runs in Optuna's dashboard: a page on this machine that fetches nothing from elsewhere.

Needs two packages that nothing else here needs, the extra ``dashboard``.
"""

import contextlib
import json
import math
import threading
import time
import warnings
import webbrowser
from datetime import datetime, timedelta
from numbers import Number
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
import optuna_dashboard
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from . import tables

STATES = {"finished": "COMPLETE", "running": "RUNNING", "stopped": "PRUNED"}  # else a failure
SECONDS = 2  # between two looks at the runs; the page asks about as often
optuna.logging.set_verbosity(optuna.logging.WARNING)  # else a line for each study and look


def show_runs(storage, name, runs, objective, space):
    """Bring a study up to date: new runs become trials, and trials whose run was going on are filled in.

    Parameters
    ----------
    storage : optuna.storages.InMemoryStorage
    name : str
        The study's.
    runs : list
    objective : tuple
        Name and goal of the metric.
    space : dict
        What was searched, nested names dotted: a list of values, a ``range``, or ``(lowest, highest, log)``.
    """
    metric, goal = objective
    new = {"study_name": name, "direction": goal}
    study = optuna.create_study(storage=storage, load_if_exists=True, **new)
    with warnings.catch_warnings(action="ignore"):  # experimental, says Optuna
        study.set_metric_names([metric])
    known = {trial.user_attrs["id"]: trial for trial in study.get_trials(deepcopy=False)}
    changed = [run for run in runs if run.id not in known or not known[run.id].state.is_finished()]
    scored = tables.metric_values(tables.runs_frame(changed), metric)
    distributions = {name: _distribution(values) for name, values in space.items()}
    for run, score in zip(changed, scored.tolist(), strict=True):
        trial = _trial(run, score, metric, distributions)
        if run.id in known:
            _fill_in(storage, known[run.id]._trial_id, trial)
        else:
            study.add_trial(trial)


def _distribution(values):
    if isinstance(values, range):
        return IntDistribution(values[0], values[-1])
    if isinstance(values, tuple):
        return FloatDistribution(values[0], values[1], log=values[2])
    return CategoricalDistribution(list(dict.fromkeys(map(_choice, values))))


def _choice(value):
    """A value as Optuna takes it for one of several; lists, and not-a-number, as text."""
    scalar = value is None or isinstance(value, str | int | float)
    return value if scalar and value == value else json.dumps(value)


def _fits(value, distribution):
    """Whether a value is one that was searched: what a function has changed since is not."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    return isinstance(value, Number) and distribution.low <= value <= distribution.high


def _trial(run, score, metric, distributions):
    """A run as a trial. What it has besides the settings that were searched is in ``user_attrs``."""
    values = tables.dotted("config", run.config) | tables.dotted("summary", run.summary)
    params = {name: _choice(values.get(f"config.{name}")) for name in distributions}
    params = {name: value for name, value in params.items() if _fits(value, distributions[name])}
    end = datetime.fromtimestamp(values.get("summary._timestamp", time.time()))
    start = end - timedelta(seconds=values.get("summary._runtime", 0))
    searched = {f"config.{name}" for name in params}
    rest = {name: values[name] for name in values if "._" not in name and name not in searched}
    rest |= {"error": run.error} if getattr(run, "error", None) else {}  # W&B's runs have none
    state = TrialState[STATES.get(run.state, "FAIL")]
    if state == TrialState.COMPLETE and math.isnan(score):
        state = TrialState.FAIL
    trial = optuna.create_trial(
        state=state,
        value=score if state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={"id": run.id, "name": run.name} | rest,
        intermediate_values=_curve(run, metric),
    )
    if state.is_finished():
        trial.datetime_start, trial.datetime_complete = start, end
    return trial


def _curve(run, metric):
    """The logged numbers of a metric, by step."""
    rows = [tables.dotted("row", row) for row in run.scan_history()]
    values = {row.get("row._step", at): row.get(f"row.{metric}") for at, row in enumerate(rows)}
    # W&B writes not-a-number as a string
    return {step: value for step, value in values.items() if isinstance(value, Number)}


def _fill_in(storage, trial_id, trial):
    """Make of a trial that was running what it is now."""
    for step, value in trial.intermediate_values.items():
        storage.set_trial_intermediate_value(trial_id, step, value)
    for name, value in trial.user_attrs.items():
        storage.set_trial_user_attr(trial_id, name, value)
    if trial.state.is_finished():
        storage.set_trial_state_values(trial_id, trial.state, trial.values)


class _Server(ThreadingMixIn, WSGIServer):
    """Has a thread for each connection: a browser opens some that it does not use yet."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Say nothing: the page asks every few seconds."""


def serve(read_studies, browser=True):
    """Show studies on a free port of this machine until Ctrl-C, up to date.

    Parameters
    ----------
    read_studies : callable
        Gives what there is now, for each study what ``show_runs`` takes after ``storage``.
    browser : bool
        Whether to open a browser, too.
    """
    storage, server = optuna.storages.InMemoryStorage(), None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for study in read_studies():
                show_runs(storage, *study)
            server = server or _start(storage, browser)
            time.sleep(SECONDS)


def _start(storage, browser):
    server = make_server("127.0.0.1", 0, optuna_dashboard.wsgi(storage), _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"The dashboard is at {address} until you press Ctrl-C", flush=True)
    if browser:
        webbrowser.open(address)
    return server
