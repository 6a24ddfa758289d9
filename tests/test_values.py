"""The plain values of configs and summaries."""

import pytest

from sudoku_sweep.values import metric_number, shortened


@pytest.mark.parametrize(
    "value, goal, number",
    [
        (1.5, "minimize", 1.5),
        ({"min": 1, "max": 3}, "minimize", 1),
        ({"min": 1, "max": 3}, "maximize", 3),
        ({"max": 3}, "minimize", 3),
        ({"last": 2, "mean": 5}, "minimize", 2),
        ({"other": 2}, "minimize", None),
        ("1.5", "minimize", None),
        (True, "minimize", None),
        (float("nan"), "minimize", None),
        (None, "minimize", None),
    ],
)
def test_a_metric_counts_as_the_number_that_its_summary_keeps_of_it(value, goal, number):
    assert metric_number(value, goal) == number


def test_a_value_in_a_line_has_four_digits_and_ends_where_it_is_long():
    assert shortened(0.123456) == "0.1235" and shortened("x" * 99) == "x" * 57 + "..."
    assert shortened({"learning_rate": 0.00285123, "net": {"n_heads": 3}}) == "(0.002851, (3))"
