import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sudoku_sweep.local import SweepError
from sudoku_sweep.local.distributions import (
    QUANTILES,
    QUANTIZED,
    bucket_centre,
    choices,
    quantile,
    read,
)

ENGINE = json.loads((Path(__file__).parent / "golden" / "wandb_engine.json").read_text("utf-8"))


@pytest.mark.parametrize("case", ENGINE["quantiles"], ids=lambda case: json.dumps(case["entry"]))
def test_quantiles_are_those_of_wandb_s_engine(case):
    for u, expected in case["values"]:
        value = quantile("p", case["entry"], u)
        assert type(value) is type(expected)
        assert value == (pytest.approx(expected, rel=1e-9) if type(value) is float else expected)


def test_the_engine_was_asked_about_every_distribution():
    asked = {read("p", case["entry"])[0] for case in ENGINE["quantiles"]}
    assert asked == {*QUANTILES, *QUANTIZED}


@given(st.floats(0, 1, exclude_max=True))
def test_every_quantile_is_a_finite_value(u):
    for case in ENGINE["quantiles"]:
        value = quantile("p", case["entry"], u)
        assert isinstance(value, str) or math.isfinite(value)


@given(u=st.floats(0, 1, exclude_max=True), size=st.integers(1, 9))
def test_a_bucket_s_centre_stands_for_the_same_value(u, size):
    shares = np.arange(1, size + 1) / np.arange(1, size + 1).sum()
    for entry in (
        {"values": list(range(size))},
        {"min": -3, "max": size},
        {"values": list("abcdefghi")[:size], "probabilities": shares.tolist()},
        {"min": 0.0, "max": 2.0},
    ):
        centre = bucket_centre("p", entry, u)
        assert quantile("p", entry, centre) == quantile("p", entry, u)
        assert bucket_centre("p", entry, centre) == pytest.approx(centre)


def test_all_values_of_one_bucket_have_one_centre():
    us = (np.arange(1, 1000) / 1000).tolist()
    assert len({bucket_centre("p", {"values": ["x", "y", "z"]}, u) for u in us}) == 3
    assert len({bucket_centre("p", {"min": 1, "max": 4}, u) for u in us}) == 4


def test_rounded_probabilities_never_run_over():
    sixths = {"values": list("abcdef"), "probabilities": [1 / 6] * 6}
    assert quantile("p", sixths, np.nextafter(1, 0)) == "f"


def test_whole_bounds_of_numpy_are_whole_numbers():
    assert choices("p", {"min": np.int64(2), "max": np.int64(4)}) == [2, 3, 4]


@pytest.mark.parametrize(
    "entry, word",
    [
        ({}, "give 'value', 'values', or both 'min' and 'max'"),
        ({"max": 1}, "both 'min' and 'max'"),
        ({"min": 0, "max": 1.0}, "one is a whole number and one is not"),
        ({"min": 0.0, "max": 1}, r"\(0\.0, 1\.0\) for a range"),
        ({"min": 2, "max": 1}, "min 2 is not below max 1"),
        ({"min": "1e-5", "max": 1e-3}, "min is '1e-5'; give a number .* 1.0e-5"),
        ({"min": 1, "max": True}, "max is True"),
        ({"min": 0.0, "max": math.nan}, "max is nan"),
        ({"values": []}, "at least one value"),
        ({"values": "abc"}, "'values' is 'abc'"),
        ({"values": [1e-4, "1e-5"]}, "'1e-5' is text, not a number; in YAML"),
        ({"value": "1E-5"}, "'1E-5' is text"),
        ({"value": 1, "min": 0}, "constant takes value; not 'min'"),
        ({"values": [1, 2], "probabilities": [1.0]}, "one probability per value"),
        ({"values": [1, 2], "probabilities": [1.5, -0.5]}, "none below 0"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "add up to 1.1, not to 1"),
        ({"values": [1], "probabilities": "1"}, "one probability per value"),
        ({"distribution": "zipf"}, "no distribution 'zipf'; there are constant"),
        ({"distribution": "q_constant", "value": 1}, "no distribution 'q_constant'"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 3}, "not whole numbers"),
        ({"distribution": "uniform", "min": 0}, "uniform needs 'max'"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "needs min above 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "q 0 is not above 0"),
        ({"distribution": "normal", "sigma": -1}, "sigma -1 is below 0"),
        ({"distribution": "normal", "mean": 1}, "normal takes mu, sigma; not 'mean'"),
        ({"distribution": "beta", "a": 0}, "a 0 is not above 0"),
    ],
)
def test_an_entry_that_describes_no_distribution_is_refused_by_name(entry, word):
    with pytest.raises(SweepError, match=rf"parameter speed: .*{word}"):
        read("speed", entry)


def test_text_that_is_no_number_is_a_category():
    assert choices("p", {"values": ["adam", "sgd", "v1e5x"]}) == ["adam", "sgd", "v1e5x"]
