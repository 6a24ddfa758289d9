"""The one place that decides in which environment tests and the notebook's kernel run."""

import os
import signal
import tempfile

import pytest

os.environ.update(
    SUDOKU_PRESET="quick",
    WANDB_MODE="offline",
    WANDB_SILENT="true",
    WANDB_ERROR_REPORTING="false",
    WANDB_DIR=tempfile.mkdtemp(prefix="wandb-of-tests-"),  # the checkout stays clean
    OMP_NUM_THREADS="1",
    PYTHONHASHSEED="0",
)
os.environ.pop("WANDB_API_KEY", None)
signal.signal(signal.SIGINT, signal.default_int_handler)  # behind a shell's `&` it is ignored,
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under `nohup` this one
if not os.environ.get("SUDOKU_TEST_GPU"):  # what is committed was made without a GPU
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items):
    """Refuse a notebook with cells that were never run: nbval would compare them with nothing. Skip tests for a GPU."""
    for item in items:
        if item.get_closest_marker("gpu") and not os.environ.get("SUDOKU_TEST_GPU"):
            item.add_marker(pytest.mark.skip(reason="for machines with a CUDA GPU: make test-gpu"))
        cell = getattr(item, "cell", None)
        if cell is not None and cell.get("execution_count") is None:
            raise pytest.UsageError(
                f"{item.nodeid} was saved without running it: `make refresh`, then commit"
            )
