"""What ``python -m sudoku_sweep`` does, a function per subcommand; each takes the parsed flags."""

import functools
import hashlib
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import torch
import yaml

from .. import data, local, sweeps, train
from ..analysis import results
from ..boards import difficulty
from ..boards.generator import make_boards
from ..boards.rules import Boards
from ..boards.symmetry import leaked
from ..errors import BoardError, CheckpointError, ConfigError
from ..files import write_atomically, writing
from ..local import SweepError, search
from ..model import save_checkpoint

FINAL = {  # `train --preset final`: the shape that won the grid, more passes, and harder boards
    "learning_rate": 3e-3,
    "embedding_dim": 30,
    "attention_dim": 27,
    "n_heads": 3,
    "n_loops": 8,
    "epochs": 26,
    "validate_every": 13,
    "batch_size": 64,
    "thin": 10_000,
}
THINNED = 500  # boards of a split that are thinned to see how a net does beyond singles


def make_data(args):
    """Make the three shipped files, or one file of other boards."""
    other = {"boards": args.boards, "seed": args.seed, "clues": args.clues}
    given = [f"--{name}" for name, value in other.items() if value is not None]
    if not args.out:
        if given:
            raise BoardError(f"{', '.join(given)} go with --out FILE: the shipped files are fixed")
        _make_shipped_files(Path(args.folder or data.DATA_DIR))
        return
    if args.folder:
        raise BoardError(
            "give --folder for the three shipped files or --out for another one, not both"
        )
    n, seed, clues = args.boards or 1000, 3 if args.seed is None else args.seed, args.clues
    _write_boards(Path(args.out), make_boards(n, seed, tuple(clues or (30, 60))))


def _make_shipped_files(folder):
    splits = {
        name: make_boards(size, data.SPLIT_SEEDS[name]) for name, size in data.SPLIT_SIZES.items()
    }
    for name, other in itertools.combinations(reversed(splits), 2):
        if len(leaked(splits[name], splits[other])):
            raise BoardError(
                f"{name} shares a solved grid with {other}: change its seed in data.SPLIT_SEEDS"
            )
    for name, boards in splits.items():
        _write_boards(folder / f"sudoku_{name}.csv", boards)


def _write_boards(path, boards):
    content = data.boards_to_csv(boards)
    write_atomically(path, content)
    clues = (boards.quizzes > 0).sum(1)
    print(
        f"{path.name}: {len(clues)} boards, {clues.min()}-{clues.max()} clues, mean {clues.mean():.1f}"
    )
    print(f"  sha256 {hashlib.sha256(content).hexdigest()}")


def train_net(args):
    """Train one net, score it, and save it."""
    config, n_thin = _settings(args)
    save = _checked_save_path(args.save)
    device = _device(args)
    boards = data.training_boards(args.boards, n_thin)
    scored = _validation_boards(args, {})
    if args.wandb:
        result = _train_logged(config, boards, scored, device)
    else:
        result = train.fit(config, boards, scored, log=_print_epoch, device=device)
    if result.interrupted:
        raise KeyboardInterrupt
    scores = _final_scores(result.model, test=args.test, thinned=n_thin > 0)
    if save:
        about = {
            "config": train.as_dict(result.config),
            "parameters": result.model.n_parameters(),
            "training_boards": len(boards.quizzes),
            "thinned": n_thin,
            "steps": result.config.epochs
            * train.steps_per_epoch(result.config, len(boards.quizzes)),
            "seconds": round(result.seconds),
            "cpu_seconds": round(result.cpu_seconds),
            "device": hardware(device),
            "scores": scores,
        }
        save_checkpoint(save, result.model, about)
        print(f"saved {save}")
    return 0


def _settings(args):
    """What to train, and how many boards to thin: flags on top of a preset."""
    given = {f.name: getattr(args, f.name) for f in fields(train.Config)} | {"thin": args.thin}
    settings = FINAL if args.preset else {}
    settings = settings | {name: value for name, value in given.items() if value is not None}
    n_thin = settings.pop("thin", 0)
    return train.Config(**settings), n_thin


def _final_scores(net, test, thinned):
    """Score a net on whole splits, and, if it has trained on thinned boards, on such boards, too; print as well."""
    scores = {}
    for split in ("validation", "test") if test else ("validation",):
        boards = data.load_split(split)
        parts = {split: boards}
        if thinned:
            kinds = (f"{split}, thinned: singles do", f"{split}, thinned: more is needed")
            parts |= zip(kinds, _minimal_by_kind(boards.first(THINNED)), strict=True)
        for name, part in parts.items():
            score = train.evaluate(net, part)
            scores[name] = {"boards": len(part.quizzes)} | train.as_dict(score)
            solved, right = 100 * score.solved, 100 * score.accuracy
            print(f"{name}: {solved:.1f} % of boards solved, {right:.1f} % of blank cells right")
    return scores


def _minimal_by_kind(boards):
    """Boards made minimal, in two parts: those that singles still solve, and those that need more."""
    minimal = difficulty.minimize_clues(boards, seed=0)
    singles = difficulty.solved_by_singles(minimal.quizzes)
    return [Boards(*(part[chosen] for part in minimal)) for chosen in (singles, ~singles)]


def _device(args):
    """Where to train, with so many threads as were asked for."""
    device = args.device or train.default_device()
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: PyTorch sees no GPU here; leave the flag out to use the CPU"
        )
    torch.set_num_threads(args.threads)
    return device


def _validation_boards(args, sweep_config):
    """The boards that score a run: as many as asked for, or as the preset says that a sweep is named after."""
    preset = sweeps.PRESETS.get(sweep_config.get("name"))
    n = args.validation_boards or (preset.validation_boards if preset else None)
    return data.load_split("validation").first(n)


def hardware(device):
    """On what a net was trained, in words."""
    name = "CPU" if device == "cpu" else torch.cuda.get_device_name()
    return f"{name}, {torch.get_num_threads()} thread(s), torch {torch.__version__}"


@functools.cache  # asked once per run, and an agent runs one version of the code
def commit():
    """The commit of this checkout, ``-dirty`` added if it was changed since; empty outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        asked = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:  # no git on this machine
        return ""
    return asked.stdout.strip()


def _train_logged(config, boards, validation, device):
    """Train in a W&B run, in whose config an agent's settings replace those of ``config``; returns the result.

    The run's summary notes on what, with which commit and for how long it was trained.
    """
    import wandb  # only here: it takes a second to import

    os.environ.setdefault("WANDB_PROJECT", sweeps.PROJECT)  # an agent sets its sweep's project
    with wandb.init(config=train.as_dict(config)) as run:
        run.define_metric("*", step_metric="epoch")
        run.summary.update({"device": hardware(device), "commit": commit()})
        config = train.Config.of(run.config)
        result = train.fit(config, boards, validation, log=run.log, device=device)
        if result.interrupted:
            raise KeyboardInterrupt
        for name in ("seconds", "cpu_seconds"):
            run.summary[name] = round(getattr(result, name), 3)
    return result


def _checked_save_path(path):
    """Where to save, known to be possible before hours of training; None if nothing is saved."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix != ".pt" or path.is_dir():
        raise CheckpointError(f"--save {path}: give a file name that ends in .pt")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    return path


def _print_epoch(metrics):
    print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)


def set_up_sweep(args):
    """Set up a local sweep, without an account: the notebook's, or one from a file."""
    if sum(map(bool, (args.file, args.preset, args.resume))) > 1:
        raise SweepError("give one of: a file, --preset for the notebook's own sweep, --resume")
    if args.resume:
        sweep_id = _resume(args.resume)
    else:
        config = _read_sweep(args.file) if args.file else sweeps.choose_preset(args.preset).sweep()
        search.check(config)
        sweeps.check_trainable(local.configurations(config))
        sweep_id = local.sweep(config, project=config.get("project", sweeps.PROJECT))
    print(f"Start its runs with: python -m sudoku_sweep agent {sweep_id}")
    return 0


def _resume(path):
    """Set up a local grid sweep in which the runs of a file are done already; returns its id."""
    try:
        loaded = results.load(path)
    except ValueError as error:
        raise SweepError(str(error)) from error
    config = loaded.metadata.get("sweep")
    runs = [local.LocalRun(**run) for run in loaded.runs if run["state"] in local.DONE]
    search.check(config)
    sweep_id = local.import_runs(config, runs, project=config.get("project", sweeps.PROJECT))
    print(f"{len(runs)} of them are done already")
    return sweep_id


def _read_sweep(path):
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    # a month 13, a tag `!!bool x`, a thousand brackets: each has an error of its own
    except Exception as error:
        raise SweepError(f"{path} is no YAML file that can be read: {error}") from error


def run_agent(args):
    """Train the runs of a local sweep that are still to do, the latest one's unless an id is given."""
    sweep_id = args.sweep or local.latest_sweep()
    local.sweep_config(sweep_id)  # refuses an unknown id before any worker starts
    os.environ.setdefault("WANDB_SILENT", "true")  # else a dozen lines per run
    try:
        if args.workers > 1:
            return _run_workers(sweep_id, args)
        _train_runs(sweep_id, args)
    except KeyboardInterrupt:
        print(f"Go on with: python -m sudoku_sweep agent {sweep_id}", file=sys.stderr)
        raise
    return 0


def _train_runs(sweep_id, args):
    device, config = _device(args), local.sweep_config(sweep_id)
    boards = data.training_boards(args.boards)
    validation = _validation_boards(args, config)

    def train_run():
        _train_logged(train.Config(), boards, validation, device)

    local.agent(sweep_id, function=train_run, count=args.count)


def _run_workers(sweep_id, args):
    """The exit status of several agents at once: a process each; with several GPUs, they take turns on them."""
    options = {"count": args.count, "boards": args.boards, "device": args.device}
    options |= {"threads": args.threads, "validation-boards": args.validation_boards}
    command = [sys.executable, "-m", "sudoku_sweep", "agent", sweep_id]
    command += [f"--{name}={value}" for name, value in options.items() if value is not None]
    # the job's own share of the machine, if somebody has set one
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    workers = []
    for number in range(args.workers):
        # Threads that wait for each other on busy cores are slower than one thread alone.
        environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
        if len(gpus) > 1:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
        workers.append(subprocess.Popen(command, env=environment))
    try:
        return int(any([worker.wait() for worker in workers]))  # the list waits for all of them
    except KeyboardInterrupt:  # the terminal has told the workers, too
        for worker in workers:
            worker.wait()
        raise


def export(args):
    """Write all ended runs of a local sweep as plain tables; `sweep --resume` goes on from there."""
    sweep_id = args.sweep or local.latest_sweep()
    runs = [run for run in local.runs(sweep_id) if run.state in local.DONE]
    if not runs:
        raise SweepError(f"no run of sweep {sweep_id} has ended yet: there is nothing to write")
    results.export(args.file, runs, {"sweep": local.sweep_config(sweep_id)})
    print(f"{args.file}: {len(runs)} runs")


def report(args):
    """Print the leaderboard of a local sweep, the latest one unless an id is given."""
    from ..analysis import tables

    sweep_id = args.sweep or local.latest_sweep()
    config = local.sweep_config(sweep_id)
    metric = config.get("metric") or sweeps.FULL["metric"]
    frame = tables.runs_frame(local.runs(sweep_id))
    board = tables.leaderboard(frame, metric["name"], search.goal({"metric": metric}))
    print(f"local sweep {sweep_id}, {len(frame)} runs, by {metric['name']}, best first:")
    print(board.to_string(float_format="{:.4g}".format) if len(board) else "no runs yet")
