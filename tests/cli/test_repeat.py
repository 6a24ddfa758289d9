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


def log_two():
    with wandb.init() as run:
        run.log({"loss": run.config.a, "speed": run.config.a + run.config.seed, "note": "x"})


def test_report_has_means_over_seeds_and_of_several_metrics_who_is_not_beaten(in_tmp_path, capsys):
    parameters = {"a": {"values": [2, 1]}, "seed": {"values": [0, 1]}}
    config = {"name": "seeds", "method": "grid", "metric": {"name": "loss"}}
    local.agent(local.sweep(config | {"parameters": parameters}), function=log_two)
    metrics = [{"name": "loss"}, {"name": "speed", "goal": "maximize"}]
    several = {"method": "custom", "scheduler": {"engine": "optuna"}, "metrics": metrics}
    earlier = local.runs(local.latest_sweep())
    local.sweep(several | {"name": "several", "parameters": parameters}, prior_runs=earlier)
    capsys.readouterr()
    assert main(["report", "seeds"]) == 0
    means = capsys.readouterr().out.partition("each configuration over its values of seed")[2]
    assert [line.split()[1:5] for line in means.splitlines()[2:]] == [
        ["1", "1", "0", "2"],
        ["2", "2", "0", "2"],
    ]
    assert main(["report", "several"]) == 0
    table = capsys.readouterr().out.partition("by loss and speed, best first:")[2]
    names, *rows = (line.split() for line in table.strip().splitlines())
    front = {row[1 + names.index("front")] + row[1 + names.index("name")] for row in rows}
    assert front == {"Falserun-3", "Truerun-4", "Falserun-1", "Truerun-2"}
