"""Runs in Optuna's dashboard: a page on this machine that fetches nothing from elsewhere.

Needs two packages that nothing else here needs, the extra ``dashboard``.
"""

import contextlib
import json
import math
import re
import threading
import time
import warnings
import webbrowser
from datetime import datetime, timedelta
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
import optuna_dashboard
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from ..values import is_number
from . import tables

STATES = {"finished": TrialState.COMPLETE, "stopped": TrialState.PRUNED}  # else a failure
SECONDS = 2  # between two looks at the runs; the page asks about as often
# The page fetches a study in one piece, for which the browser has to find the memory.
POINTS, FEWEST_POINTS = 10_000, 10  # of all curves, and of one
CHOICES_LENGTH = 800  # of all choices of a setting, which each trial repeats
CHOICE_LENGTH = 40  # of the JSON around one
TEXT_LENGTH = 100  # of a text that is no choice
# Whom the page is shown. Another name is that of a page elsewhere, which has had it made to mean this machine.
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)
optuna.logging.set_verbosity(optuna.logging.WARNING)  # else a line for each study and look


def show_runs(storage, name, runs, metrics, space):
    """Bring a study up to date: runs that have ended become trials.

    Parameters
    ----------
    storage : optuna.storages.InMemoryStorage
    name : str
        The study's.
    runs : list
    metrics : list of dict
        Each as for ``tables.metric_values``; with several, the page shows their Pareto front.
    space : dict
        What was searched, nested names dotted: a list of values for each, or of its ends.
    """
    names = [metric["name"] for metric in metrics]
    directions = [metric.get("goal", "minimize") for metric in metrics]
    new = {"study_name": name, "directions": directions}
    study = optuna.create_study(storage=storage, load_if_exists=True, **new)
    with warnings.catch_warnings(action="ignore"):  # experimental, says Optuna
        study.set_metric_names(names)
    known = {trial.user_attrs["id"] for trial in study.get_trials(deepcopy=False)}
    if all(run.state == "running" or run.id in known for run in runs):
        return  # nothing has ended since the last look, which was seconds ago
    frame = tables.runs_frame(runs)
    scores = zip(*(tables.metric_values(frame, metric).tolist() for metric in metrics), strict=True)
    found = {name: _distribution(values) for name, values in space.items()}
    distributions = {name: one for name, one in found.items() if one}
    n_points = max(FEWEST_POINTS, POINTS // max(len(runs), 1))
    for run, values in zip(runs, scores, strict=True):
        if run.state != "running" and run.id not in known:
            # Optuna has curves of a single metric only
            curve = _curve(run, names[0], n_points) if len(names) == 1 else {}
            study.add_trial(_trial(run, list(values), distributions, curve))


def _distribution(values):
    """What a trial says of a setting; None if its choices are too long to be said in each."""
    if all(map(is_number, values)):
        low, high = min(values), max(values)
        whole = all(isinstance(value, int) for value in values)
        log = low > 0 and high >= 10 * low
        return (IntDistribution if whole else FloatDistribution)(low, high, log=log)
    choices = list(dict.fromkeys(map(_choice, values)))
    length = sum(CHOICE_LENGTH + len(str(choice)) for choice in choices)
    return CategoricalDistribution(choices) if length <= CHOICES_LENGTH else None


def _choice(value):
    """A value as Optuna takes it for one of several; lists, and not-a-number, as text."""
    scalar = value is None or isinstance(value, str | int | float)
    return value if scalar and value == value else json.dumps(value)


def _fits(value, distribution):
    """Whether a value is one that was searched: what a function has changed since is not."""
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    whole = isinstance(value, int) or isinstance(distribution, FloatDistribution)
    return whole and is_number(value) and distribution.low <= value <= distribution.high


def _trial(run, scores, distributions, curve):
    """A run as a trial. What it has besides the settings that were searched is in ``user_attrs``."""
    values = tables.dotted("config", run.config) | tables.dotted("summary", run.summary)
    params = {name: _choice(values.get(f"config.{name}")) for name in distributions}
    params = {name: value for name, value in params.items() if _fits(value, distributions[name])}
    end = datetime.fromtimestamp(values.get("summary._timestamp", time.time()))
    start = end - timedelta(seconds=values.get("summary._runtime", 0))
    searched = {f"config.{name}" for name in params}
    rest = {name: values[name] for name in values if "._" not in name and name not in searched}
    rest |= {"error": run.error} if run.error else {}
    rest = {name: tables.cut(value, TEXT_LENGTH) for name, value in rest.items()}
    state = STATES.get(run.state, TrialState.FAIL)
    if state == TrialState.COMPLETE and any(map(math.isnan, scores)):
        state = TrialState.FAIL
    trial = optuna.create_trial(
        state=state,
        values=scores if state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={"id": run.id, "name": run.name} | rest,
        intermediate_values=curve,
    )
    trial.datetime_start, trial.datetime_complete = start, end
    return trial


def _curve(run, metric, n_points):
    """The logged numbers of a metric, by step: at most so many, evenly spaced, and the last one among them."""
    rows = enumerate(run.scan_history(keys=[metric]))
    values = {row.get("_step", at): row[metric] for at, row in rows}
    # W&B writes not-a-number as a string
    logged = [(step, value) for step, value in values.items() if is_number(value)]
    every = max(1, math.ceil(len(logged) / n_points))
    return dict(reversed(logged[::-every]))


class _Server(ThreadingMixIn, WSGIServer):
    """Has a thread for each connection: a browser opens some that it does not use yet."""

    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        """Say nothing: the page asks every few seconds."""


def serve(show, browser=True):
    """Show studies on a free port of this machine until Ctrl-C, up to date.

    Parameters
    ----------
    show : callable
        Brings a storage up to date, by ``show_runs`` for each study.
    browser : bool
        Whether to open a browser, too.
    """
    storage, server = optuna.storages.InMemoryStorage(), None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            show(storage)
            server = server or _start(storage, browser)
            time.sleep(SECONDS)


def guarded(app):
    """A page that is for looking, and for this machine's browser only: nothing else is answered.

    What somebody changed in it, such as the name of a study, would be gone with the page.
    """

    def answer(environ, start_response):
        known = HOST.fullmatch(environ.get("HTTP_HOST", ""))
        if known and environ["REQUEST_METHOD"] == "GET":
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "this page is for looking, at its address on this machine"}']

    return answer


def _start(storage, browser):
    page = guarded(optuna_dashboard.wsgi(storage))
    server = make_server("127.0.0.1", 0, page, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    print(f"The dashboard is at {address} until you press Ctrl-C", flush=True)
    if browser:
        webbrowser.open(address)
    return server
