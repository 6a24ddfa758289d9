import wandb

from sudoku_sweep import local
from sudoku_sweep.cli.main import main


def train():
    with wandb.init() as run:
        run.log({"loss": run.config.a})


def test_the_best_and_the_worst_are_repeated_from_the_shell(in_tmp_path, capsys):
    parameters = {"a": {"values": [3, 1, 2, 5]}}
    config = {"name": "first", "method": "grid", "metric": {"name": "loss"}}
    local.agent(local.sweep(config | {"parameters": parameters}), function=train)
    line = "repeat first --top 1 --bottom 2 --seeds 4,5 --parameter s"
    assert main(line.split()) == 0
    sweep = local.open_sweep(local.latest_sweep())
    assert f"agent {sweep.id}" in capsys.readouterr().out
    assert [tuple(config.values()) for config in sweep.space.grid] == [
        (a, seed) for a in (1, 3, 5) for seed in (4, 5)
    ]
    assert main(["repeat", "first", "--seeds", "1;2"]) == 2
    assert "give whole numbers, such as 0,1,2" in capsys.readouterr().err
