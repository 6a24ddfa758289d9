import os
import pickle
from pathlib import Path

import pytest
import torch

from sudoku_sweep import train
from sudoku_sweep.checkpoint import load_checkpoint, save_checkpoint
from sudoku_sweep.config import Config
from sudoku_sweep.errors import CheckpointError

SMALL = dict(embedding_dim=6, attention_dim=6, n_heads=3)


def test_a_checkpoint_comes_back_as_it_was(tmp_path, quizzes):
    net = train.build_model(Config(**SMALL, n_loops=3))
    save_checkpoint(tmp_path / "net.pt", net, {"note": "small"})
    again, metadata = load_checkpoint(tmp_path / "net.pt")
    assert metadata == {"note": "small"} and again.n_loops == 3 and not again.training
    assert torch.equal(again(quizzes[:2])[-1], net(quizzes[:2])[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ("owned",)


def test_what_is_no_checkpoint_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = train.build_model(Config(**SMALL))
    save_checkpoint("net.pt", net, {})
    good = Path("net.pt").read_bytes()
    whole = {"shape": SMALL, "metadata": {}, "weights": net.state_dict()}
    wrong_shapes = [whole | {"shape": SMALL | odd} for odd in ({"n_heads": 5}, {"n_loops": 10**9})]
    for content in ([1, 2], {"shape": SMALL, "metadata": {}}, *wrong_shapes):
        torch.save(content, "net.pt")
        with pytest.raises(CheckpointError, match=r"net\.pt"):
            load_checkpoint("net.pt")
    cut_short = [good[:length] for length in range(0, len(good), 997)]
    for content in (b"not a net", pickle.dumps(RunsCode(), protocol=2), *cut_short):
        Path("net.pt").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"net\.pt"):
            load_checkpoint("net.pt")
    assert not Path("owned").exists()
    with pytest.raises(CheckpointError, match="python -m sudoku_sweep train"):
        load_checkpoint("missing.pt")
