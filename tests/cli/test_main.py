"""The command line as a whole: refusals, help, what it imports, and output that nobody reads."""

import os
import runpy
import subprocess
import sys
from unittest import mock

import own_program
import pytest

from sudoku_sweep.cli.main import COMMANDS, main

BLANK = "0" * 81


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("train --attention-dim 10 --n-heads 3", "multiple of n_heads"),
        ("train --save net.md", "ends in .pt"),
        ("train --save /proc/net.pt", "cannot write net.pt in /proc"),
        ("train --device cuda", "no GPU"),
        ("train --minimal 30 --boards 20", "no 30 minimal boards among the training boards: 20"),
        ("report", "no local sweep in wandb/local-sweeps yet"),
        ("dashboard nowhere.csv", "nowhere"),
        ("agent 00000000 --workers 2", "no local sweep '00000000'"),
        ("sweep nowhere.yaml", "nowhere.yaml"),
        ("sweep nowhere.yaml --preset quick", "not both"),
        ("sweep --prior nowhere.csv", "nowhere"),
        (f"solve {'5' * 81}", "impossible"),
        (f"solve {BLANK} --net nowhere.pt", "no checkpoint nowhere.pt"),
        (f"solve {BLANK} --net {'n' * 300}", "File name too long"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments, word, capsys, in_tmp_path):
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and word in error and error.count("\n") == 1


def test_numbers_below_one_are_refused(capsys):
    assert main(["agent", "--count=-3"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("Usage: python -m sudoku_sweep") and "not in the range x>=1" in error


def test_a_ctrl_c_during_the_first_imports_is_no_traceback(monkeypatch):
    module = mock.Mock()
    type(module).main = mock.PropertyMock(side_effect=KeyboardInterrupt)
    monkeypatch.setitem(sys.modules, "sudoku_sweep.cli.main", module)
    with pytest.raises((SystemExit, KeyboardInterrupt), match="130"):
        runpy.run_module("sudoku_sweep", run_name="__main__")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_every_command_and_each_explains_its_flags(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    helped = capsys.readouterr().out
    assert "None" not in helped.replace("default None", "")
    assert command or all(f"\n  {name} " in helped for name in COMMANDS)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A function that runs Python in a folder with a sweep of somebody's own program."""
    folder = tmp_path_factory.mktemp("theirs")
    own_program.save(folder)

    def run(*words, stdout=subprocess.PIPE):
        environment = os.environ | {"WANDB_DIR": str(folder)}
        streams = dict(stdout=stdout, stderr=subprocess.PIPE, text=True)
        return subprocess.run([sys.executable, *words], cwd=folder, env=environment, **streams)

    return run


STEPS = ["--help", *own_program.STEPS]


@pytest.mark.parametrize("line", [*STEPS, "dashboard nowhere.csv"])
def test_what_trains_no_net_of_ours_does_without_pytorch(line, run):
    code = "import sys; from sudoku_sweep.cli.main import main; status = main(sys.argv[1:]); "
    code += "print(status, *{'torch', 'matplotlib', 'sklearn'}.intersection(sys.modules))"
    done = run("-c", code, *line.split())
    # what shows the dashboard imports scikit-learn itself
    expected = "2 sklearn" if "dashboard" in line else "0"
    assert done.stdout.splitlines()[-1] == expected, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", [*STEPS, f"solve {BLANK}", "train --boards=20 --epochs=1"])
def test_output_that_nobody_reads_any_more_is_no_error(line, run):
    if line.startswith("export"):  # the agent of the line before has ended before its first run
        run("-m", "sudoku_sweep", "agent")
    reader, unread = os.pipe()
    os.close(reader)
    done = run("-m", "sudoku_sweep", *line.split(), stdout=unread)
    os.close(unread)
    assert done.returncode == 1 and done.stderr == ""
