import numpy as np
import pytest

from sudoku_sweep import search


def draws(parameter, n=4001):
    return [search.quantile("p", parameter, u) for u in (np.arange(n) / n).tolist()]


def test_quantiles_of_each_distribution():
    assert set(draws({"value": 7})) == {7}
    assert np.bincount(draws({"values": [0, 1], "probabilities": [0.25, 0.75]})).tolist() == [
        1001,
        3000,
    ]
    whole = draws({"min": 3, "max": 5})
    assert set(whole) == {3, 4, 5} and np.ptp(np.bincount(whole)[3:]) <= 1
    assert np.allclose(draws({"min": -1.0, "max": 3}), np.linspace(-1, 3, 4002)[:-1])
    steps = draws({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.5})
    assert sorted(set(steps)) == [0, 0.5, 1]
    rates = draws({"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2})
    assert min(rates) == pytest.approx(1e-4) and np.median(rates) == pytest.approx(1e-3, rel=1e-2)
    normal = draws({"distribution": "normal", "mu": 2, "sigma": 3})
    assert np.isfinite(normal).all() and np.mean(normal) == pytest.approx(2, abs=0.02)
    assert np.std(normal) == pytest.approx(3, rel=0.01)


def test_categories_with_rounded_probabilities_never_run_over():
    thirds = {"values": list("abcdef"), "probabilities": [1 / 6] * 6}
    assert search.quantile("p", thirds, np.nextafter(1, 0)) == "f"


def test_a_draw_depends_on_the_seed_and_its_number_alone():
    config = {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}, "b": {"value": 2}}}
    drawn = [search.configuration(config, seed=5, index=index) for index in range(4)]
    assert [search.configuration(config, seed=5, index=index) for index in range(4)] == drawn
    assert len({point["a"] for point in drawn}) == 4 and {point["b"] for point in drawn} == {2}
    assert search.configuration(config, seed=6, index=0) != drawn[0]
