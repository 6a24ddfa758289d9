"""Search methods replayed on runs that were really made: what each would have found, and at what cost.

Nothing is trained. A method proposes configurations as it does in a sweep, and the results of the whole grid answer
for them, learning curves included. A configuration that is drawn twice costs twice, as it does in a sweep.
"""

import csv
import io
import itertools
import json

import numpy as np

from .. import sweeps
from ..files import write_atomically
from ..local import configuration, hyperband, search
from ..local.distributions import as_wandb_compares, is_number
from ..local.errors import SweepError

METRIC = sweeps.FULL["metric"]["name"]  # what is looked for
STOPPING = {
    "type": "hyperband",
    "min_iter": 3,
    "strict": False,
}  # by the training loss, logged every epoch
METHODS = ("grid", "random", "bayes", "random + hyperband")


def replay(method, sweep_config, runs, seed, budget):
    """One sweep: after how many epochs in all which score was the best found so far.

    Parameters
    ----------
    method : str
        One of ``METHODS``. ``grid`` goes through the grid in W&B's order, whatever the seed.
    sweep_config : dict
        The configuration of the grid sweep that ``runs`` come from.
    runs : list of runs
        Finished ones, with ``config``, ``summary`` and ``rows``: one for every point of the grid.
    seed : int
    budget : int
        Epochs after which no further run is started.

    Returns
    -------
    list of (int, float)
        Epochs spent and best score, after every run that improved on it.
    """
    if method not in METHODS:
        raise SweepError(f"method {method!r}: choose {', '.join(METHODS)}")
    name, _, stops = method.partition(" + ")
    config = sweep_config | {"method": name, "metric": sweeps.FULL["metric"]}
    points = configuration.grid_points(sweep_config)
    by_settings = {_key(points[run.index]): run for run in runs}
    spent, best, found, records, losses = 0, -np.inf, [], [], []
    for number in itertools.count():
        if spent >= budget or (name == "grid" and number == len(runs)):
            return found
        point = search.propose(config, seed, number, records)
        settings = search.configuration(config, point)
        run = by_settings[_key(settings)]
        loss = search.logged("train_loss", {"rows": run.rows})
        epochs = _stopped_after(loss, losses) if stops else len(loss)
        losses.append(loss[:epochs])
        spent += epochs
        if epochs == len(loss) and run.summary[METRIC] > best:
            best = run.summary[METRIC]
            found.append((spent, best))
        records.append(
            {"point": point, "state": "finished", "rows": run.rows, "summary": run.summary}
        )


def _key(settings):
    """Settings as text that is the same for the same settings."""
    values = {name: as_wandb_compares(value) for name, value in settings.items()}
    return json.dumps(values, sort_keys=True)


def _stopped_after(loss, others):
    """Epochs that a run trains for if hyperband may stop it after each."""
    for epochs in range(1, len(loss)):
        if hyperband.verdict(STOPPING, "minimize", loss[:epochs], others):
            return epochs
    return len(loss)


def _epochs(sweep_config, runs):
    """For how long each run was trained, once the runs are known to be those of a whole grid of values."""
    for path, entry in configuration.leaves(sweep_config).items():
        if not {"value", "values"} & entry.keys():
            raise SweepError(f"a replay needs a grid of values; {'.'.join(path)} has a range")
    points = configuration.grid_points(sweep_config)
    if [run.index for run in runs] != list(range(len(points))):
        raise SweepError(
            f"a replay needs all {len(points)} runs of the grid, in its order; there are {len(runs)}"
        )
    for run, point in zip(runs, points, strict=True):
        if not point.items() <= run.config.items():
            raise SweepError(f"{run.name} has another config than the grid has there")
        if not is_number(run.summary.get(METRIC)):
            raise SweepError(f"{run.name} has no number for {METRIC}")
    epochs = [len(search.logged("train_loss", {"rows": run.rows})) for run in runs]
    if 0 in epochs:
        raise SweepError(f"{runs[epochs.index(0)].name} has logged no train_loss")
    return epochs


def compare(sweep_config, runs, repetitions, budget, methods=METHODS):
    """Median and quartiles of the best found, per method and epochs spent: a list of dicts, as in the file.

    ``budget`` is in epochs: at least those of one run, at most those of the whole grid.
    """
    epochs = _epochs(sweep_config, runs)
    per_run = max(epochs)
    if not per_run <= budget <= sum(epochs):
        raise SweepError(
            f"a budget of {budget} epochs: give one between that of one run, {per_run}, and that of the whole grid, "
            f"{sum(epochs)}"
        )
    at = range(per_run, budget + 1, per_run)
    rows = []
    for method in methods:
        seeds = range(1 if method == "grid" else repetitions)
        best = np.array(
            [_sampled(replay(method, sweep_config, runs, seed, budget), at) for seed in seeds]
        )  # [repetition, at]
        lower, middle, upper = np.nanpercentile(best, [25, 50, 75], axis=0)
        for epochs, *quartiles in zip(at, lower, middle, upper, strict=True):
            values = dict(zip(("lower", "median", "upper"), map(float, quartiles), strict=True))
            rows.append({"method": method, "epochs": epochs} | values)
    return rows


def _sampled(found, at):
    """The best score at each number of epochs; chance before the first run has ended."""
    epochs = np.array([spent for spent, _ in found])
    scores = np.array([1 / 9, *(score for _, score in found)])
    return scores[np.searchsorted(epochs, at, side="right")]


def save(path, rows, about):
    """Write what ``compare`` gave as CSV, below a line that says where it comes from."""
    text = io.StringIO()
    text.write(f"# {about}\n")
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())
