"""Somebody's own program with its sweep, as files in a folder, and what is done with them from the shell."""

PROGRAM = "import wandb\nwith wandb.init() as run: run.log({'loss': run.config.a})\n"
SWEEP = """\
{program: own.py, name: own, method: grid, metric: {name: loss}, parameters: {a: {values: [3, 1]}}}
"""
# Each goes on from those before it.
STEPS = ["sweep own.yaml", "agent --workers 2", "export runs.csv"]
STEPS += ["sweep --prior runs.csv", "report"]


def save(folder):
    (folder / "own.py").write_text(PROGRAM)
    (folder / "own.yaml").write_text(SWEEP)
