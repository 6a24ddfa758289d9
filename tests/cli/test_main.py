"""The command line as a whole: refusals, help, where its output goes, and what it imports."""

import os
import subprocess
import sys

import pytest

from sudoku_sweep.cli.main import COMMANDS, main

BLANK = "0" * 81
BOARD = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
THEIRS = """\
program: theirs.py
name: für-alle
method: grid
parameters: {a: {values: [1, 2]}}
"""


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("train --attention-dim 10 --n-heads 3", "multiple of n_heads"),
        ("train --epochs -1", "epochs=-1"),
        ("train --save net.md", "ends in .pt"),
        ("train --save .", "ends in .pt"),
        ("train --save /proc/net.pt", "cannot write net.pt in /proc"),
        ("train --device cuda", "no GPU"),
        ("train --minimal 30 --boards 20", "no 30 minimal boards among the training boards: 20"),
        ("report ../../x", "no local sweep"),
        ("report", "no local sweep in wandb/local-sweeps yet"),
        ("dashboard ../../x --no-browser", "no local sweep"),
        ("dashboard nowhere.csv", "nowhere"),
        ("agent 00000000 --workers 2", "no local sweep '00000000'"),
        ("sweep nowhere.yaml", "nowhere.yaml"),
        ("sweep nowhere.yaml --preset quick", "give one of"),
        ("sweep --resume nowhere.csv", "nowhere"),
        ("solve", "give one board"),
        ("solve 12", "a board has 81 cells; this text has 2"),
        (f"solve {'5' * 81}", "impossible"),
        (f"solve {BLANK} --file in.csv --out out.csv", "give one board"),
        ("solve --file in.csv", "give one board"),
        ("solve --file nowhere.csv --out out.csv", "nowhere.csv is no CSV file"),
        (f"solve {BLANK} --net nowhere.pt", "no checkpoint nowhere.pt"),
        (f"solve {BLANK} --net {'n' * 300}", "File name too long"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments, word, capsys, in_tmp_path):
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and word in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("train --threads 0", "'--threads': 0 is not in the range x>=1"),
        ("agent --count -3", "'--count': -3 is not in the range x>=1"),
        ("train --boards many", "'many' is not a valid integer range"),
        ("sweep --preset fast", "is not one of 'quick', 'laptop', 'full'"),
        ("nonsense", "No such command 'nonsense'"),
        ("", "Commands:"),
    ],
)
def test_wrong_usage_is_status_2(arguments, word, capsys):
    assert main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("Usage: python -m sudoku_sweep") and word in error


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_names_every_command_and_each_explains_its_flags(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    helped = capsys.readouterr().out
    assert "None" not in helped.replace("default None", "")
    assert command or all(f"\n  {name} " in helped for name in COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a sweep of somebody's own program, and a function that runs a program there."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "theirs.yaml").write_text(THEIRS, "utf-8")
    (folder / "theirs.py").write_text("import wandb\nwith wandb.init() as run: run.log({'b': 1})\n")

    def run(*words, stdout=subprocess.PIPE, **environment):
        environment = os.environ | {"WANDB_DIR": str(folder)} | environment
        return subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


@pytest.mark.parametrize(
    "line, brought",
    [
        ("--help", "0"),
        ("sweep theirs.yaml", "0"),
        ("agent --workers 2", "0"),
        ("report", "0"),
        ("export runs.csv", "0"),
        ("sweep --resume runs.csv", "0"),
        ("dashboard nowhere.csv", "2 sklearn"),  # by optuna-dashboard itself
    ],
)
def test_what_trains_no_net_of_ours_does_without_pytorch(line, brought, folder):
    """Each command goes on from those before it; its status is printed, and what it has imported."""
    code = "import sys; from sudoku_sweep.cli.main import main; status = main(sys.argv[1:]); "
    code += "print(status, *{'torch', 'matplotlib', 'sklearn'}.intersection(sys.modules))"
    done = folder("-c", code, *line.split())
    assert done.stdout.splitlines()[-1] == brought, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "sweep theirs.yaml",
        "agent für-alle",
        "report",
        "export läufe.csv für-alle",
        f"solve {BOARD}",
        "train --boards=20 --validation-boards=5 --epochs=1 --steps-per-epoch=1",
    ],
)
def test_output_goes_to_a_file_that_has_ascii_alone_or_nobody_reads_it(line, folder, tmp_path):
    command = ["-m", "sudoku_sweep", *line.split()]
    with open(tmp_path / "out.txt", "w") as file:
        done = folder(*command, stdout=file, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stderr == "" and (tmp_path / "out.txt").read_text()
    reader, unread = os.pipe()
    os.close(reader)
    done = folder(*command, stdout=unread)
    os.close(unread)
    assert done.returncode == 1 and done.stderr == ""
