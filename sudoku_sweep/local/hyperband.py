"""Early stopping as W&B's ``early_terminate: {type: hyperband}`` does it.

A run is looked at when it has logged the metric so many times: at its *bands*. It goes on if its best value so
far (with ``strict``: its value at that band) is among the best ``1/eta`` of all runs' values there.
Source: Li et al., "Hyperband", arxiv.org/abs/1603.06560, in the form of W&B's engine; held against it by the tests.
"""

import itertools
import operator

from .distributions import is_number
from .errors import SweepError

DEFAULTS = {"eta": 3, "strict": True}
MOST = {"min_iter": 10**9, "max_iter": 10**9, "s": 100}  # beyond all use, and within all memory


def check(rules):
    """Refuse an ``early_terminate`` that describes no hyperband."""
    if not isinstance(rules, dict) or rules.get("type") != "hyperband":
        raise SweepError(
            f"early_terminate {rules!r}: write {{'type': 'hyperband', 'min_iter': 3}} or leave it out"
        )
    for key in rules:
        if key not in ("type", "min_iter", "max_iter", "s", "eta", "strict"):
            raise SweepError(
                f"early_terminate knows no {key!r}; there are min_iter or max_iter and s, eta, strict"
            )
    given = {"min_iter", "max_iter", "s"} & set(rules)
    if given not in ({"min_iter"}, {"max_iter", "s"}):
        raise SweepError("early_terminate needs either min_iter, or both max_iter and s")
    for key, most in MOST.items():
        value = rules.get(key, 1)
        if type(value) is not int or not 1 <= value <= most:
            raise SweepError(
                f"early_terminate: {key} is {value!r}; give a whole number from 1 to {most:,}"
            )
    eta, strict = rules.get("eta", DEFAULTS["eta"]), rules.get("strict", DEFAULTS["strict"])
    if not is_number(eta) or eta < 1.1:
        raise SweepError(f"early_terminate: eta is {eta!r}; give a number of at least 1.1")
    if type(strict) is not bool:
        raise SweepError(f"early_terminate: strict is {strict!r}; give true or false")
    if "max_iter" in rules and not bands(rules, rules["max_iter"]):
        raise SweepError("early_terminate: max_iter is too small for a band; raise it or lower eta")


def bands(rules, longest):
    """How often the metric has been logged when a run is looked at: ascending counts, up to ``longest``."""
    eta = rules.get("eta", DEFAULTS["eta"])
    if "max_iter" in rules:
        divided = itertools.accumulate([rules["max_iter"], *[eta] * rules["s"]], operator.truediv)
        counts = sorted(int(count) for count in list(divided)[1:] if count >= 1)
    else:
        times = itertools.accumulate(itertools.repeat(eta), operator.mul, initial=rules["min_iter"])
        counts = map(int, times)
    return list(itertools.takewhile(lambda count: count <= longest, counts))


def verdict(rules, goal, mine, others):
    """Why a run is to be stopped now; None if it may go on.

    Parameters
    ----------
    rules : dict
        The sweep's ``early_terminate``.
    goal : str
        ``minimize`` or ``maximize``.
    mine, others : list of float; list of such lists
        The values of the metric that this run, and every other run of the sweep, has logged so far.
    """
    sign = -1 if goal == "maximize" else 1
    passed = bands(rules, len(mine))
    if not passed:
        return None
    band = passed[-1]
    values = sorted(sign * history[band - 1] for history in [mine, *others] if len(history) >= band)
    threshold = values[int(len(values) / rules.get("eta", DEFAULTS["eta"]))]
    strict = rules.get("strict", DEFAULTS["strict"])
    value = sign * mine[band - 1] if strict else min(sign * score for score in mine)
    if value <= threshold:
        return None
    better = "above" if sign < 0 else "below"
    return (
        f"after logging it {band} times, {sign * value:.4g}; the best runs were at "
        f"{sign * threshold:.4g} or {better}"
    )
