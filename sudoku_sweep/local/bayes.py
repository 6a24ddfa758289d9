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
MOST_FITTED = 150  # runs that the process is fitted to, since its cost grows with their cube
BELOW_ONE = 1 - 1e-12  # the quantile 1 of a normal distribution is infinite
ANYWHERE, NEARBY = 2000, 500  # candidates: all over the cube, and around the best point so far


def propose(space, seed, index, runs):
    """The quantiles that run ``index`` of a sweep is to try, one per searched parameter; ``runs`` are all others."""

    def quantize(points):  # [n, parameter]; one point stands for all that give the same values
        columns = zip(space.searched.values(), points.T.tolist(), strict=True)
        return np.array([[one.bucket_centre(u) for u in column] for one, column in columns]).T

    n_parameters = len(space.searched)
    tried = np.reshape([run.params for run in runs], (-1, n_parameters))  # [run, parameter]
    done = np.array([run.state != "running" for run in runs], dtype=bool)
    points, pending = tried[done], tried[~done]
    if index < STARTS or len(points) < 2:
        spread = qmc.Sobol(n_parameters, rng=seed).random(2 ** (index + 1).bit_length())
        return quantize(spread)[index].tolist()
    rng = np.random.default_rng([seed, index])
    losses = np.array(space.metric.objectives([run for run in runs if run.state != "running"]))
    process, fitted, losses = _fit_all(points, losses, pending, rng)
    best = fitted[np.argmin(losses)]
    anywhere = rng.random((ANYWHERE, n_parameters))
    nearby = (best + 0.1 * rng.standard_normal((NEARBY, n_parameters))).clip(0, BELOW_ONE)
    candidates = quantize(np.vstack([anywhere, nearby]))  # [candidate, parameter]
    improvement = _expected_improvement(process, fitted, candidates)
    known = (candidates[:, None] == tried).all(2).any(1)  # [candidate]
    if not known.all():
        improvement[known] = -1
    return candidates[np.argmax(improvement)].tolist()


def _fit_all(points, losses, pending, rng):
    """A process fitted to what is done and what runs now, and what it was fitted to: [run, parameter] and [run]."""
    if len(points) > MOST_FITTED:
        others = np.delete(np.arange(len(points)), np.argmin(losses))
        kept = np.r_[np.argmin(losses), rng.choice(others, MOST_FITTED - 1, replace=False)]
        points, losses = points[kept], losses[kept]
    middle = np.median(losses)
    losses = np.minimum(losses, 2 * middle - losses.min())  # how bad a bad run is teaches nothing
    losses = (losses - losses.mean()) / (losses.std() or 1)
    process = _fit(points, losses, rng)
    if len(pending):
        points = np.vstack([points, pending])
        losses = np.concatenate([losses, process.predict(pending)])
        process = _fit(points, losses, rng)
    return process, points, losses


def _fit(points, losses, rng):
    # Length scales end at 2, so that no parameter is taken to be without effect after a few runs.
    kernel = Matern(np.full(points.shape[1], 0.5), (0.05, 2), nu=2.5)
    kernel += WhiteKernel(1e-3, (1e-7, 0.3))
    state = int(rng.integers(2**31))
    process = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=state)
    # a length scale at its bound is no reason to worry the reader
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return process.fit(points, losses)


def _expected_improvement(process, fitted, candidates):
    """By how much each candidate is expected to be better than the best point that was fitted: [candidate]."""
    mean, deviation = process.predict(candidates, return_std=True)
    # Of the true losses, without the noise of a single run, which a second run would have, too.
    deviation = np.sqrt((deviation**2 - process.kernel_.k2.noise_level).clip(1e-12))
    gain = process.predict(fitted).min() - mean
    ratio = gain / deviation
    return gain * norm.cdf(ratio) + deviation * norm.pdf(ratio)
