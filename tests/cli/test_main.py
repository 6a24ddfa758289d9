"""The command line as a whole: refusals, help, and what is not an error."""

import subprocess
import sys

import pytest

from sudoku_sweep.cli.main import main

COMMANDS = ("train", "sweep", "agent", "export", "report", "dashboard", "solve")


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("train --attention-dim 10 --n-heads 3", "multiple of n_heads"),
        ("train --epochs -1", "epochs=-1"),
        ("train --save net.md", "ends in .pt"),
        ("train --save .", "ends in .pt"),
        ("train --save /proc/net.pt", "cannot write net.pt in /proc"),
        ("train --device cuda", "no GPU"),
        (
            "train --minimal 30 --boards 20",
            "no 30 minimal boards among the training boards: 20 at most",
        ),
        ("report ../../x", "no local sweep"),
        ("report", "no local sweep in wandb/local-sweeps yet"),
        ("dashboard ../../x --no-browser", "no local sweep"),
        ("dashboard nowhere.csv", "nowhere.csv"),
        ("agent 00000000 --workers 2", "no local sweep '00000000'"),
        ("sweep nowhere.yaml", "nowhere.yaml"),
        ("sweep nowhere.yaml --preset quick", "give one of"),
        ("sweep --resume nowhere.csv", "nowhere.csv"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments, word, capsys, in_tmp_path):
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", ["train --threads 0", "agent --count -3"])
def test_numbers_below_one_are_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())
    assert "at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_every_command_and_each_explains_its_flags(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    helped = capsys.readouterr().out
    assert "None" not in helped.replace("default None", "")
    assert command or all(f"\n    {name}" in helped for name in COMMANDS)


def test_output_that_nobody_reads_any_more_is_no_error(in_tmp_path):
    line = f"{sys.executable} -m sudoku_sweep sweep --preset quick | true"
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr
