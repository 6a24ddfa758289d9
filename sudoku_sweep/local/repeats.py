"""``repeat``: the best configurations of a sweep once more, each with several seeds."""

import operator

from ..errors import SweepError
from ..values import as_json, nest
from . import prior, store

KEPT = ("metric", "program", "command", "description")  # of the configuration that is repeated


def repeat(sweep_id, top=3, seeds=(0, 1, 2), parameter="seed", bottom=0):
    """Set up a sweep of the best configurations of another one, each once with every seed. Returns its id.

    Parameters
    ----------
    sweep_id : str
    top : int
        How many configurations, the best finished runs' first; runs that differ in ``parameter`` alone are one.
    seeds : list
    parameter : str
        What the training calls its seed.
    bottom : int
        How many of the worst configurations, too: what they reach with another seed says how much was luck.

    Raises
    ------
    SweepError
        No such sweep, one with no metric or several, or one without a finished run that logged it.
    """
    first = store.open_sweep(sweep_id)
    space = first.space
    if not space.metric:
        raise SweepError(f"sweep {first.id} names no single metric, so no run is the best")
    ranked = _ranked_configs(space, first.runs(), parameter)
    chosen = ranked[:top] + ranked[max(top, len(ranked) - bottom) :]
    configurations = [config | {parameter: seed} for config in chosen for seed in seeds]
    if not configurations:
        wanted = f"no run has finished with a number for {space.metric.name!r}"
        raise SweepError(f"sweep {first.id}: {wanted}")
    parameters = {}
    for config in configurations:
        for name, value in config.items():
            parameters.setdefault(name, {"values": []})["values"].append(value)
    repeated = {name: first.config[name] for name in KEPT if name in first.config}
    repeated |= {"name": f"{space.name or first.id} repeated", "method": "grid"}
    repeated |= {"parameters": parameters, "configurations": configurations, "repeats": parameter}
    return store.sweep(repeated, project=first.project)


def _ranked_configs(space, runs, parameter):
    """What the sweep has given to its finished runs, without the seed, each once, the best first."""
    scores = [(space.metric.score(run), run) for run in runs if run.state == "finished"]
    scored = [(score, run) for score, run in scores if score is not None]
    scored.sort(key=operator.itemgetter(0), reverse=space.metric.goal == "maximize")
    configs = {}
    for _, run in scored:
        config = nest(prior.given(space, run.config)) if space.parameters else dict(run.config)
        config.pop(parameter, None)
        configs.setdefault(as_json(config), config)
    return list(configs.values())
