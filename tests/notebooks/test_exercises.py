"""Wrong answers get a hint that fits, and the solutions are called right."""

from pathlib import Path

import exercise_checks
import nbformat
import pytest
import wandb
from snippets import run_blocks

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "exercises.ipynb"
RATE = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}
METRIC = {"name": "val_loss", "goal": "minimize"}
PARAMETERS = {"learning_rate": RATE, "n_heads": {"values": [1, 3]}}
RANDOM = {"method": "random", "run_cap": 8, "metric": METRIC, "parameters": PARAMETERS}


RATIO = {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}  # too wide
WIDTHS = {"values": [4, 16, 64, 256]}
WIDE = {"method": "random", "run_cap": 12, "parameters": {"learning_rate": RATIO, "width": WIDTHS}}


def rates(*values):
    tried = {"learning_rate": {"values": list(values)}, "width": {"value": 8}}
    return {"method": "grid", "parameters": tried}


def logs(score):
    def train():
        with wandb.init() as run:
            run.log({"score": score(run.config.x)})

    return train


@pytest.mark.parametrize(
    "check, answer, said",
    [
        (1, (24, 24), "a grid multiplies"),
        (1, (36, 36), "has to divide"),
        (1, None, "in the place of None"),
        (2, RANDOM | {"method": "grid"}, "a grid needs"),
        (2, RANDOM | {"run_cap": 9}, "after 8 runs"),
        (2, RANDOM | {"metric": {"name": "val_loss", "goal": "maximize"}}, "to be minimized"),
        (2, {}, "method"),
        (3, lambda runs: max(runs, key=lambda run: run.summary.get("val_accuracy", 0)), "failed"),
        (3, lambda runs: runs[0], "the highest"),
        (4, [2, 6, 18], "eta times"),
        (5, logs(lambda x: 4), "x squared"),
        (5, logs(lambda x: x / 0), "ZeroDivisionError: division by zero"),
        (6, {"a", "b"}, "leave out a"),
        (6, set(), "compare each"),
        (7, WIDE | {"run_cap": 13}, "at most 12 runs"),
        (7, WIDE | {"parameters": {"learning_rate": {"values": [0.1]}}}, "no attribute"),
        (7, WIDE, "the best of 12 runs has 0.93"),
        (7, rates(1e-4, 1e-3), "the largest that was tried: go higher"),
        (7, rates(0.5, 1.0), "the smallest that was tried: go lower"),
        (7, rates(1e-4, 0.01, 0.1, 1.0), "its neighbourhood"),
        (8, {"a": "rate too small"}, "give a dict"),
        (8, dict.fromkeys("abc", "rate too small"), "b goes up and down"),
        (8, dict.fromkeys("abc", "budget too short"), "a hardly leaves"),
    ],
)
def test_wrong_answers_get_a_hint(check, answer, said, capsys):
    getattr(exercise_checks, f"check_{check}")(answer)
    out = capsys.readouterr().out
    assert out.startswith("not yet: ") and said in out


def test_the_solutions_are_right_and_leave_nothing_behind(capsys, in_tmp_path, tmp_path):
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    run_blocks(text, "the exercises", {"exercise_checks": exercise_checks})
    assert capsys.readouterr().out == "right\n" * 8 and not list(tmp_path.iterdir())
