import pytest

from sudoku_sweep import local


@pytest.fixture
def make_run():
    """A function that makes a run of three epochs, its summary from keywords."""

    def make(name, state="finished", rate=0.1, heads=1, **summary):
        rows = [{"_step": step, "epoch": step + 1, "train_loss": 2.0 - step} for step in range(3)]
        config = {"learning_rate": rate, "n_heads": heads, "epochs": 3}
        return local.Run(0, name, name, state, config, summary, rows=rows)

    return make


@pytest.fixture
def runs(make_run):
    """Two runs with a score, and four without one, each for another reason."""
    return [
        make_run("middling", val_accuracy=0.4, val_solved=0.0, learning_rate=1e-9, _step=2),
        make_run("failed", "failed", rate=0.2, val_accuracy=0.99),
        make_run("best", rate=0.3, val_accuracy=0.7, val_solved=0.5, learning_rate=1e-9),
        make_run("nan", rate=0.4, val_accuracy="NaN"),
        make_run("infinite", rate=0.5, val_accuracy=float("inf")),
        make_run("silent", rate=0.6),
    ]
