"""Bayesian search in the unit cube: a Gaussian process of the results so far, and where it expects most.

As in W&B's engine: a Matérn kernel, expected improvement (Jones et al. 1998, "Efficient Global Optimization of
Expensive Black-Box Functions"), and runs that are still going stand in with the score expected of them. Unlike
it, the first few points are spread evenly, and every dimension has a length scale of its own.
"""

import warnings

import numpy as np
from scipy.stats import norm, qmc
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

STARTS = 4  # runs before there is enough to model
AT_MOST = 150  # runs that the process is fitted to, since its cost grows with their cube
BELOW_ONE = 1 - 1e-12  # the quantile 1 of a normal distribution is infinite
ANYWHERE, NEARBY = 2000, 500  # candidates: all over the cube, and around the best point so far


def suggest(points, scores, pending, seed, number, quantize):
    """The point to try next, in [0, 1).

    Parameters
    ----------
    points : [run, dimension]
        What was tried, in [0, 1).
    scores : [run]
        How it turned out: finite numbers, less is better.
    pending : [run, dimension]
        What is running now.
    seed, number : int
        The sweep's seed, and which of its runs this will be.
    quantize : callable
        Maps points [n, dimension] to those that stand for the values they give: where a parameter has few
        values, all points of one value become one.
    """
    dimension = pending.shape[1]
    if number < STARTS or len(points) < 2:
        spread = qmc.Sobol(dimension, rng=seed).random(2 ** (number + 1).bit_length())
        return quantize(spread)[number]
    rng = np.random.default_rng([seed, number])
    tried = np.vstack([points, pending])
    if len(points) > AT_MOST:
        others = np.delete(np.arange(len(points)), np.argmin(scores))
        kept = np.r_[np.argmin(scores), rng.choice(others, AT_MOST - 1, replace=False)]
        points, scores = points[kept], scores[kept]
    middle = np.median(scores)
    scores = np.minimum(scores, 2 * middle - scores.min())  # how bad a bad run is teaches nothing
    scores = (scores - scores.mean()) / (scores.std() or 1)  # [run]
    process = _fit(points, scores, rng)
    if len(pending):
        points = np.vstack([points, pending])
        scores = np.concatenate([scores, process.predict(pending)])
        process = _fit(points, scores, rng)
    best = points[np.argmin(scores)]
    anywhere = rng.random((ANYWHERE, dimension))
    nearby = (best + 0.1 * rng.standard_normal((NEARBY, dimension))).clip(0, BELOW_ONE)
    candidates = quantize(np.vstack([anywhere, nearby]))  # [candidate, dimension]
    mean, deviation = process.predict(candidates, return_std=True)
    # Of the true scores, without the noise of a single run, which a second run would have, too.
    deviation = np.sqrt((deviation**2 - process.kernel_.k2.noise_level).clip(1e-12))
    gain = process.predict(points).min() - mean
    ratio = gain / deviation
    improvement = gain * norm.cdf(ratio) + deviation * norm.pdf(ratio)  # [candidate], expected
    known = (candidates[:, None] == tried).all(2).any(1)  # [candidate]
    if not known.all():
        improvement[known] = -1
    return candidates[np.argmax(improvement)]


def _fit(points, scores, rng):
    # Length scales end at 2, so that no parameter is taken to be without effect after a few runs.
    scales = Matern(np.full(points.shape[1], 0.5), (0.05, 2), nu=2.5)
    kernel, state = scales + WhiteKernel(1e-3, (1e-7, 0.3)), int(rng.integers(2**31))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=state)
    with warnings.catch_warnings():  # a length scale at its bound is no reason to worry the reader
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.fit(points, scores)
