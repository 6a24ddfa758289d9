"""``python -m sudoku_sweep``: the same steps as the notebook's, from the shell."""

import argparse
import hashlib
import itertools
import sys
from dataclasses import fields
from pathlib import Path

import torch

from . import data, train
from .errors import BoardError, CheckpointError, ConfigError, SudokuError
from .files import write_atomically
from .model import save_checkpoint

SPLIT_SIZES = {"train": 20_000, "validation": 2_000, "test": 2_000}


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
    _write_boards(Path(args.out), data.make_boards(n, seed, tuple(clues or (30, 60))))


def _make_shipped_files(folder):
    splits = {
        name: data.make_boards(size, data.SPLIT_SEEDS[name]) for name, size in SPLIT_SIZES.items()
    }
    for name, other in itertools.combinations(reversed(splits), 2):
        if len(data.leaked(splits[name], splits[other])):
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
    """Train one net, score it, and save it with its card."""
    config = train.Config.of({f.name: getattr(args, f.name) for f in fields(train.Config)})
    save = _checked_save_path(args.save)
    device = args.device or train.default_device()
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: PyTorch sees no GPU here; leave the flag out to use the CPU"
        )
    torch.set_num_threads(args.threads)
    boards, validation = data.training_boards(args.boards), data.load_split("validation")
    result = train.fit(config, boards, validation, log=_print_epoch, device=device)
    if result.interrupted:
        print("interrupted: nothing saved", file=sys.stderr)
        return 130
    scores = {}
    for name in ("validation", "test") if args.test else ("validation",):
        scores[name] = score = train.evaluate(result.model, data.load_split(name))
        solved, right = 100 * score.solved, 100 * score.accuracy
        print(f"{name}: {solved:.1f} % of boards solved, {right:.1f} % of blank cells right")
    if save:
        hardware = "CPU" if device == "cpu" else torch.cuda.get_device_name()
        about = {
            "config": train.as_dict(config),
            "parameters": result.model.n_parameters(),
            "training_boards": len(boards.quizzes),
            "steps": config.epochs * train.steps_per_epoch(config, len(boards.quizzes)),
            "seconds": round(result.seconds),
            "device": f"{hardware}, {torch.get_num_threads()} thread(s), torch {torch.__version__}",
            "scores": {name: train.as_dict(score) for name, score in scores.items()},
        }
        save_checkpoint(save, result.model, about)
        card = save.with_suffix(".md")
        write_atomically(card, card_text(args.save, about).encode())
        print(f"saved {save} and its card {card}")
    return 0


def _checked_save_path(path):
    """Where to save, known to be possible before hours of training; None if nothing is saved."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix != ".pt" or path.is_dir():
        raise CheckpointError(f"--save {path}: give a file name that ends in .pt")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _print_epoch(metrics):
    print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)


def card_text(path, about):
    """A checkpoint's card in Markdown: what it is, where it comes from, how good it is."""
    config = about["config"]
    flags = " ".join(
        f"--{f.name.replace('_', '-')} {config[f.name]}"
        for f in fields(train.Config)
        if config[f.name] is not None
    )
    if "test" in about["scores"]:
        flags += " --test"
    lines = [
        f"# {Path(path).name}",
        "",
        f"A `SudokuTransformer` with {about['parameters']:,} parameters, trained on the first "
        f"{about['training_boards']:,} boards of `sudoku_train.csv` with relabelled digits and revealed blanks.",
        "",
        "```",
        f"python -m sudoku_sweep train {flags} --boards {about['training_boards']} --save {path}",
        "```",
        "",
        f"{about['steps']:,} steps of {config['batch_size']} boards, {about['seconds']:,} s, seed {config['seed']}, "
        f"on: {about['device']}. Loading it needs no code from the file (`weights_only=True`).",
        "",
        "| boards | solved step by step | solved in one shot | blank cells right | loss (nats) |",
        "|---|---|---|---|---|",
    ]
    for split, score in about["scores"].items():
        lines.append(
            f"| {split} | {100 * score['solved']:.1f} % | {100 * score['solved_one_shot']:.1f} % "
            f"| {100 * score['accuracy']:.1f} % | {score['loss']:.4f} |"
        )
    lines += [
        "",
        "Limits: it knows boards like those it saw, which hidden singles solve; it takes nothing back, so one",
        "wrong digit spoils a board; and its confidence is no proof.",
        "",
    ]
    return "\n".join(lines)


def report(args):
    """Print the leaderboard of a local sweep, the latest one unless an id is given."""
    from . import analysis, local  # matplotlib and wandb take a while; only this command needs them

    sweep_id = args.sweep or local.latest_sweep()
    metric = {"name": "val_accuracy", "goal": "maximize"} | local.sweep_config(sweep_id).get(
        "metric", {}
    )
    frame = analysis.runs_frame(local.runs(sweep_id))
    board = analysis.leaderboard(frame, metric["name"], metric["goal"])
    print(f"local sweep {sweep_id}, {len(frame)} runs, by {metric['name']}, best first:")
    print(board.to_string(float_format="{:.4g}".format) if len(board) else "no runs yet")


def _positive(text):
    """A whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number of at least 1")
    return number


def parser():
    """The command line, one subcommand per step."""
    top = argparse.ArgumentParser(prog="python -m sudoku_sweep", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("data", help=make_data.__doc__, description=make_data.__doc__)
    command.add_argument("--folder", help="where the three shipped files go (default: data/)")
    command.add_argument("--out", metavar="FILE", help="make one file of other boards instead")
    command.add_argument("--boards", type=_positive, help="with --out: how many (default 1000)")
    command.add_argument("--seed", type=int, help="with --out: its seed (default 3)")
    command.add_argument(
        "--clues",
        type=int,
        nargs=2,
        metavar=("FEWEST", "MOST"),
        help="with --out: range of the number of clues aimed at (default 30 60)",
    )
    command.set_defaults(run=make_data)

    command = commands.add_parser("train", help=train_net.__doc__, description=train_net.__doc__)
    for f in fields(train.Config):
        kind = float if f.type is float else int
        command.add_argument(
            f"--{f.name.replace('_', '-')}",
            type=kind,
            default=f.default,
            help=f"default {f.default}",
        )
    command.add_argument(
        "--boards",
        type=_positive,
        help="train on so many boards (default: the 20,000 shipped; more are made on demand)",
    )
    command.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: the GPU if there is one"
    )
    command.add_argument(
        "--threads", type=_positive, default=1, help="CPU threads; more rarely help (default 1)"
    )
    command.add_argument(
        "--test", action="store_true", help="score on the test boards, too: once, at the very end"
    )
    command.add_argument(
        "--save", metavar="FILE.pt", help="write the net here, and a card beside it"
    )
    command.set_defaults(run=train_net)

    command = commands.add_parser("report", help=report.__doc__, description=report.__doc__)
    command.add_argument(
        "sweep", nargs="?", help="the id that the sweep printed when it was set up"
    )
    command.set_defaults(run=report)
    return top


def main(argv=None):
    """Run one command; a refusal is one line on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except SudokuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
