import datetime
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_sweep import ENGINE

from sudoku_sweep.local import SweepError, read_config
from sudoku_sweep.local.distributions import DISTRIBUTIONS, Parameter


@pytest.mark.parametrize("case", ENGINE["quantiles"], ids=lambda case: json.dumps(case["entry"]))
def test_quantiles_are_those_of_wandb_s_engine(case):
    for u, expected in case["values"]:
        value = Parameter(**case["entry"]).quantile(u)
        assert type(value) is type(expected)
        assert value == (pytest.approx(expected, rel=1e-9) if type(value) is float else expected)


def test_the_engine_was_asked_about_every_distribution():
    asked = {Parameter(**case["entry"]).distribution for case in ENGINE["quantiles"]}
    assert asked == {*DISTRIBUTIONS}


@given(st.floats(0, 1, exclude_max=True))
def test_every_quantile_is_a_finite_value(u):
    for case in ENGINE["quantiles"]:
        value = Parameter(**case["entry"]).quantile(u)
        assert isinstance(value, str) or math.isfinite(value)


@pytest.mark.parametrize(
    "entry, centres",
    [
        ({"values": ["x", "1e-5", {"y": np.int64(1)}]}, [1 / 6, 1 / 2, 5 / 6]),
        ({"min": np.int64(1), "max": np.int64(3)}, [1 / 6, 1 / 2, 5 / 6]),
        ({"values": ["x", "y"], "probabilities": [0.25, 0.75]}, [1 / 8, 5 / 8]),
    ],
)
def test_all_quantiles_of_one_value_have_one_centre(entry, centres):
    us = (np.arange(1, 1000) / 1000).tolist()
    found = set(map(Parameter(**entry).bucket_centre, us))
    assert sorted(found) == pytest.approx(centres)


def test_rounded_probabilities_never_run_over():
    sixths = {"values": list("abcdef"), "probabilities": [1 / 6] * 6}
    assert Parameter(**sixths).quantile(np.nextafter(1, 0)) == "f"


@pytest.mark.parametrize(
    "entry, word",
    [
        (3, " is 3: give a dict with distribution, value, values"),
        ({}, ": give 'value', 'values', or both 'min' and 'max'"),
        ({"min": 2, "max": 1}, ": min 2 is not below max 1"),
        ({"min": "1e-5", "max": 1e-3}, ".min is '1e-5': give a number; .* 1.0e-5"),
        ({"min": 1, "max": True}, ".max is True: give a number"),
        ({"min": 0.0, "max": math.nan}, ".max is nan: give a number"),
        ({"min": 0.0, "max": 10**400}, ".max is 1000.*: give a number"),
        ({"values": []}, ".values is .*at least 1 item"),
        ({"values": "abc"}, ".values is 'abc': it should be a valid list"),
        ({"values": ["x", datetime.date.min]}, ".values.1 is datetime.*: no JSON; .*quotes"),
        ({"value": dict}, ".value is <class 'dict'>: no JSON; give a class by its name"),
        ({"value": {"x": [{1}]}}, ".value: no JSON"),
        ({"value": 1, "min": 0}, ": constant takes value, not min, value"),
        ({"values": [1, 2], "probabilities": [1.0]}, ": give one probability per value"),
        ({"values": [1, 2], "probabilities": [1.5, -0.5]}, ".probabilities.1 is -0.5"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, ": .*together they are 1"),
        ({"distribution": "zipf"}, ".distribution is 'zipf': it should be 'constant', 'cat"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 3}, ": int_uniform .*whole numbers"),
        ({"distribution": "uniform", "min": 0}, ": uniform takes min, max, not min"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, ": .*numbers above 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, ".q is 0: .*greater than 0"),
        ({"distribution": "normal", "sigma": -1}, ".sigma is -1: it should be greater"),
        ({"distribution": "log_uniform", "min": 16, "max": 1024}, ": .*natural logarithms"),
        ({"distribution": "beta", "a": 0}, ".a is 0: it should be greater than 0"),
    ],
)
def test_an_entry_that_describes_no_distribution_is_refused_by_name(entry, word):
    with pytest.raises(SweepError, match=rf"^parameters\.speed{word}"):
        read_config({"method": "random", "parameters": {"speed": entry}})
