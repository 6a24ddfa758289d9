import math

import numpy as np
import pytest

from sudoku_sweep.config import Config
from sudoku_sweep.errors import ConfigError


@pytest.mark.parametrize(
    "values, word",
    [
        (dict(epochs=0), "epochs=0"),
        (dict(batch_size=2.5), "batch_size=2.5"),
        (dict(batch_size=8, rollout=8), "rollout=8 leaves no room"),
        (dict(attention_dim=10, n_heads=3), "multiple of n_heads"),
        (dict(mlp_ratio=100_000), "mlp_ratio=100000: it should be less than or equal to 16"),
        (dict(n_loops=1001), "n_loops=1001: it should be less than or equal to 1000"),
        (dict(epochs=2**62), "epochs=4611686018427387904: it should be .* 1000000"),
        (dict(n_heads=0), "n_heads=0"),
        (dict(n_loops=True), "n_loops=True"),
        (dict(steps_per_epoch="5"), "steps_per_epoch='5' is text"),
        (dict(validation_boards=0), "validation_boards=0"),
        (dict(learning_rate="1e-5"), r"1\.0e-5"),
        (dict(learning_rate=-1.0), "learning_rate=-1.0"),
        (dict(learning_rate=math.nan), "learning_rate=nan"),
        (dict(seed=2**63), "seed=9223372036854775808: it should be less"),
        (dict(batch_size=10**20), "batch_size=1.*less than"),
        (dict(dropout=0.1), "no hyperparameter dropout; there are learning_rate"),
        (dict(learnig_rate=0.1), r"learnig_rate \(did you mean learning_rate\?\); there are"),
    ],
)
def test_a_config_that_cannot_be_trained_is_refused(values, word):
    with pytest.raises(ConfigError, match=word):
        Config(**values)


def test_numbers_of_numpy_are_numbers():
    config = Config(epochs=np.int64(3), learning_rate=np.float32(0.5))
    assert (config.epochs, config.learning_rate) == (3, 0.5)
    assert type(config.epochs) is int and type(config.learning_rate) is float
