"""One training run: ``fit(config, training, validation)``. Knows nothing of W&B; what it measures goes to ``log``."""

import contextlib
import math
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .config import Config
from .data import Batches, to_tensors
from .errors import BoardError, DivergedError, OutOfMemoryError
from .model import SudokuTransformer
from .recipe.gradients import NO_TARGET, micro_batches, targets
from .recipe.loops import loops_at
from .recipe.optimizer import MuonWithAdamW
from .recipe.rollout import Rollout
from .solver import solve


@dataclass
class Result:
    """A finished run: the net on the CPU, one dict per epoch, and what it took.

    ``seconds`` are wall time, ``cpu_seconds`` this process's processor time: waiting for a busy core is not in it.
    """

    config: Config
    model: SudokuTransformer
    history: list
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Metrics:
    """How a net does on boards: mean loss (nats) and accuracy over blank cells, shares of boards solved."""

    loss: float
    accuracy: float
    solved: float
    solved_one_shot: float


@contextlib.contextmanager
def explain_out_of_memory():
    """Say in plain words that memory has run out, and what to do; PyTorch reports it in several ways.

    Raises
    ------
    OutOfMemoryError
        In place of PyTorch's error, or Python's.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if known or "DefaultCPUAllocator" in str(error):
            advice = "choose a smaller batch_size, n_loops or net"
            raise OutOfMemoryError(f"not enough memory to train this: {advice}") from error
        raise


@explain_out_of_memory()
def fit(config, training, validation, *, log=None, device=None, model=None):
    """Train one net.

    Parameters
    ----------
    config : Config
    training, validation : Boards
    log : callable, optional
        Called once per epoch with a dict: ``epoch``, ``train_loss``, ``train_accuracy``, ``lr`` (AdamW's, in the step
        that would follow); every ``validate_every``-th epoch and at the last also ``val_loss``, ``val_accuracy`` and
        ``val_solved`` (share of boards solved step by step). Losses and accuracies are over blank cells; losses are
        also the mean over the net's loops. ``run.log`` of W&B fits.
    device : str or torch.device, optional
        Default: the GPU if there is one.
    model : SudokuTransformer, optional
        The net to train, of this config; default: a new one.

    Returns
    -------
    Result

    Raises
    ------
    DivergedError
        The loss is no finite number any more.
    BoardError
        No training or no validation boards.
    OutOfMemoryError
        The device has not enough memory.
    """
    if not len(training.quizzes) or not len(validation.quizzes):
        raise BoardError("nothing to train on: there are no training or no validation boards")
    start, cpu_start = time.perf_counter(), time.process_time()
    device = torch.device(device or default_device())
    model, batches = (model or build_model(config)).to(device), Batches(training, config, device)
    optimizer = MuonWithAdamW(model, config.learning_rate, config.epochs * len(batches))
    if config.rollout:
        batches = Rollout(batches, config.rollout)
    history = []
    for epoch in range(1, config.epochs + 1):
        model.n_loops = loops_at(epoch, config)  # few loops at first
        sums = torch.zeros(3, device=device)  # loss, right answers, blank cells
        for quizzes, solutions in batches:  # uint8 [batch, 81]
            n_blanks = (quizzes == 0).sum().clamp(min=1)
            optimizer.zero_grad()
            for indices, cells, target in micro_batches(quizzes, solutions):  # blank cells
                logits = model(quizzes[indices], cells)  # [loop, board, cell, 9]
                loss = cross_entropy(logits, target)
                (loss / n_blanks).backward()
                sums += torch.stack([loss.detach(), *right_and_blank(logits, target)])
                if config.rollout:  # off by default
                    batches.fill_in(indices, cells, logits[-1], target)
            optimizer.step()
        loss, accuracy = per_blank_cell(sums)
        metrics = dict(epoch=epoch, train_loss=loss, train_accuracy=accuracy, lr=optimizer.lr)
        if epoch % config.validate_every == 0 or epoch == config.epochs:
            val = evaluate(model, validation.first(config.validation_boards))
            metrics |= dict(val_loss=val.loss, val_accuracy=val.accuracy, val_solved=val.solved)
        check_finite(metrics, config)
        history.append(metrics)
        if log is not None:
            log(dict(metrics))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Result(config, model.cpu().eval(), history, seconds, cpu_seconds)


def default_device():
    """``"cuda"`` if there is one, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def build_model(config):
    """The untrained net of a config; its seed decides the weights, the global random state stays as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        return SudokuTransformer(config)


def cross_entropy(logits, target):
    """Summed over cells with a target, averaged over the loops: [loop, board, cell, 9], [board, cell] -> []."""
    target = target.expand(len(logits), -1, -1)
    loss = F.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="sum")
    return loss / len(logits)


def right_and_blank(logits, target):
    """How many cells the last loop answers right, and how many have a target: two tensors []."""
    return (logits[-1].argmax(2) == target).sum(), (target != NO_TARGET).sum()


def per_blank_cell(sums):
    """Loss and accuracy, from sums [loss, right answers, blank cells]."""
    loss, right, blanks = sums.tolist()
    return loss / max(blanks, 1), right / max(blanks, 1)


def check_finite(metrics, config):
    """Raise ``DivergedError`` if a metric is no finite number."""
    if not all(map(math.isfinite, metrics.values())):
        what = f"the loss is no finite number any more in epoch {metrics['epoch']}"
        advice = f"a learning_rate of {config.learning_rate} is too high for this net; try a third"
        raise DivergedError(f"{what}: {advice}")


@torch.no_grad()
def evaluate(model, boards, threshold=0.99, batch_size=256):
    """Score a net on boards as they are, no augmentation; ``threshold`` is that of ``solve``. Returns ``Metrics``."""
    device = model.position.device
    quizzes, solutions = to_tensors(boards, device)
    sums, one_shot = torch.zeros(3, device=device), 0
    for quiz, solution in zip(quizzes.split(batch_size), solutions.split(batch_size), strict=True):
        logits = model(quiz)
        target = targets(quiz, solution)
        sums += torch.stack([cross_entropy(logits, target), *right_and_blank(logits, target)])
        right = logits[-1].argmax(2) == target
        one_shot += int((right | (quiz > 0)).all(1).sum())
    loss, accuracy = per_blank_cell(sums)
    solved = (solve(model, quizzes, threshold).boards == solutions.cpu()).all(1)
    return Metrics(loss, accuracy, solved.float().mean().item(), one_shot / len(quizzes))
