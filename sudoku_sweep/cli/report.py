"""Looking at local sweeps: ``report`` and ``export``."""

from .. import local, sweeps
from ..analysis import results, tables
from ..local import SweepError
from .flags import SWEEP


def add_commands(add):
    """Add both commands to the command line."""
    add("report", report).add_argument("sweep", nargs="?", help=SWEEP)

    flag = add("export", export).add_argument
    flag("file", metavar="NAME.csv")
    flag("sweep", nargs="?", help=SWEEP)


def export(args):
    """Write all ended runs of a local sweep as plain tables; `sweep --resume` goes on from there."""
    sweep_id = args.sweep or local.latest_sweep()
    runs = [run for run in local.runs(sweep_id) if run.state in local.DONE]
    if not runs:
        raise SweepError(f"no run of sweep {sweep_id} has ended yet: there is nothing to write")
    table = results.export(args.file, runs, {"sweep": local.sweep_config(sweep_id)})
    print(f"{table}: {len(runs)} runs")


def report(args):
    """Print the leaderboard of a local sweep, the latest one unless an id is given."""
    sweep_id = args.sweep or local.latest_sweep()
    config = local.sweep_config(sweep_id)
    metric = config.get("metric", sweeps.FULL["metric"])
    frame = tables.runs_frame(local.runs(sweep_id))
    board = tables.leaderboard(frame, metric["name"], metric.get("goal", "minimize"))
    print(f"local sweep {sweep_id}, {len(frame)} runs, by {metric['name']}, best first:")
    print(board.to_string(float_format="{:.4g}".format) if len(board) else "no runs yet")
