import pytest
import wandb

from sudoku_sweep import local
from sudoku_sweep.cli.main import main

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize("goal", [{"goal": "minimize"}, {}])
def test_report_prints_the_leaderboard_of_the_latest_sweep_best_first(capsys, goal):
    def log_accuracy():
        with wandb.init() as run:
            run.log({"val_accuracy": run.config.a / 10})

    config = {"method": "grid", "parameters": {"a": {"values": [3, 7]}}}
    sweep_id = local.sweep(config | {"metric": {"name": "val_accuracy"} | goal})
    assert main(["report"]) == 0
    assert "no runs yet" in capsys.readouterr().out
    local.agent(sweep_id, function=log_accuracy)
    capsys.readouterr()
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sweep_id in lines[0] and "2 runs" in lines[0]
    assert "run-1" in lines[2] and "run-2" in lines[3]
