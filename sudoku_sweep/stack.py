"""Many runs as one: nets that differ only in learning rate or seed, trained together as one batched network.

On a GPU the kernels of one tiny net are too short to keep the device busy; those of many nets at once are not. On a
CPU it does not pay: use several agents there.
"""

import itertools
import time
import warnings
from dataclasses import replace
from functools import partial

import torch
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from . import train
from .errors import ConfigError, DivergedError

WARM_UP = 3  # eager steps before one is captured, as PyTorch's notes on CUDA graphs ask for


def alike(one, other):
    """Whether two configs can be members of one stack: only learning rate and seed may differ."""
    return replace(one, learning_rate=other.learning_rate, seed=other.seed) == other


class Stack:
    """The nets of some configs, their optimizer, and the step that trains them all.

    Parameters
    ----------
    configs : list of Config
        Alike but for learning rate and seed; each net starts as it would alone.
    n_steps : int
        Steps in all, for the one-cycle schedule.
    n_asked : int
        The most blanks that a board has: every board is padded to so many, so that the step's shapes are fixed and
        it needs nothing from the device.
    device, dtype : optional
    """

    def __init__(self, configs, n_steps, n_asked, device="cpu", dtype=torch.float32):
        if not all(alike(configs[0], config) for config in configs):
            raise ConfigError(
                "only runs that differ in nothing but learning_rate and seed can be stacked"
            )
        nets = [train.build_model(config).to(device, dtype) for config in configs]
        self.net, self.n_asked = nets[0], n_asked
        self.names = [name for name, _ in self.net.named_parameters()]
        self.shapes = [parameter.shape for parameter in self.net.parameters()]
        # [member, parameter]: all numbers of a net in one row
        self.weights = torch.stack([parameters_to_vector(net.parameters()) for net in nets])
        self.weights = self.weights.detach().requires_grad_()
        self.mean, self.square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.schedules = [train.learning_rates(config, n_steps) for config in configs]
        self.rates = self.weights.new_tensor(self.schedules).T[..., None]  # [step, member, 1]
        # on the device: no step waits for the host
        self.n_done = torch.zeros((), dtype=torch.long, device=device)

    def step(self, quizzes, solutions):
        """One step on a batch per member [member, batch, 81]; returns sums over blank cells [member, 3].

        The sums are those of ``train.training_step``: loss, right answers, cells.
        """
        sums = torch.stack(vmap(self._sums)(self._parameters(), quizzes, solutions), 1)
        loss = (sums[:, 0] / sums[:, 2].detach().clamp(min=1)).sum()
        (grad,) = torch.autograd.grad(loss, self.weights)
        with torch.no_grad():
            self._adamw(grad)
        return sums.detach()

    def _sums(self, parameters, quizzes, solutions):
        net = partial(self._call, parameters)
        return train.blank_cell_sums(net, quizzes, solutions, self.n_asked)

    def _call(self, parameters, *inputs):
        return functional_call(self.net, parameters, inputs)

    def _parameters(self):
        """The rows of ``weights`` as named parameters, each with a leading axis for the member."""
        parts = self.weights.split([shape.numel() for shape in self.shapes], 1)
        return {
            name: part.unflatten(1, shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }

    def _adamw(self, grad):
        """AdamW (Loshchilov and Hutter, 2019) with a learning rate per member, and its gradient clipped alone."""
        grad *= (train.CLIP / (grad.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1)
        rate = self.rates.index_select(0, self.n_done[None])[0]  # [member, 1]
        self.n_done += 1
        first, second = train.BETAS
        self.mean.lerp_(grad, 1 - first)
        self.square.mul_(second).addcmul_(grad, grad, value=1 - second)
        n_done = self.n_done.double()  # 0.99 ** 1 is no float32
        mean = self.mean / (1 - first**n_done)
        spread = (self.square / (1 - second**n_done)).sqrt() + 1e-8
        self.weights.mul_(1 - rate * train.WEIGHT_DECAY).sub_(rate * mean / spread)

    def member(self, at):
        """The net of one member with its weights as they are now, until the next call: it is the same module then."""
        vector_to_parameters(self.weights[at].detach().clone(), self.net.parameters())
        return self.net


@train.memory_for("a smaller stack, batch_size or net")
def fit_stack(configs, boards, validation, *, device=None):
    """Train some nets together: a list of ``train.Result``, one per config, as ``train.fit`` would return them.

    Each net sees the batches that it would see alone. Where ``fit`` raises ``DivergedError`` for a net, its result
    has that as its ``error``, and the others go on undisturbed. ``seconds`` are each net's share of the time. An
    interrupt ends all; what was reached until then is returned, ``interrupted`` set.

    Parameters
    ----------
    configs : list of Config
        Alike but for learning rate and seed.
    boards, validation : Boards
    device : str, optional
        ``cpu`` or ``cuda``; default: the GPU if there is one.

    Raises
    ------
    ConfigError
        Configs that differ in more.
    BoardError
        No training or no validation boards.
    OutOfMemoryError
        The device has not enough memory for so many nets.
    """
    train.check_not_empty(boards, validation)
    start, cpu_start = time.perf_counter(), time.process_time()
    device, shared = device or train.default_device(), configs[0]
    quizzes, solutions = train.to_tensors(boards, device)
    n_steps = train.steps_per_epoch(shared, len(quizzes))
    stack = Stack(configs, shared.epochs * n_steps, train.most_blanks(boards), device)
    step = stack.step if device == "cpu" else Captured(stack.step)
    results = [train.Result(config, train.build_model(config).eval()) for config in configs]
    generators = {c.seed: torch.Generator(device).manual_seed(c.seed) for c in configs}
    place = torch.tensor([list(generators).index(c.seed) for c in configs], device=device)
    try:
        for epoch in range(1, shared.epochs + 1):
            totals = torch.zeros(len(configs), 3, device=device)
            for batches in zip(  # one batch per seed
                *(train.epoch_batches(shared, quizzes, solutions, g) for g in generators.values()),
                strict=True,
            ):
                # each [member, batch, 81]
                totals += step(*(torch.stack(part)[place] for part in zip(*batches, strict=True)))
            for at, sums in enumerate(totals.tolist()):
                rate = stack.schedules[at][epoch * n_steps]
                _note(results[at], epoch, sums, rate, stack.member(at), validation)
            if all(result.error for result in results):
                break
    except KeyboardInterrupt:
        for result in results:
            result.interrupted = True
    for at, result in enumerate(results):
        result.model.load_state_dict(stack.member(at).state_dict())
        result.seconds = (time.perf_counter() - start) / len(results)
        result.cpu_seconds = (time.process_time() - cpu_start) / len(results)
    return results


def _note(result, epoch, sums, rate, net, validation):
    """Add an epoch to a net's history, or the error that ends it; one that has ended is left as it is."""
    if result.error is None:
        try:
            metrics = train.epoch_metrics(result.config, epoch, sums, rate, net, validation)
            result.history.append(metrics)
        except DivergedError as error:
            result.error = error.with_traceback(None)  # it would keep the whole stack in memory


class StackedFit:
    """A stand-in for ``train.fit`` that trains the runs of a sweep some at a time, and keeps what it is not asked for.

    The first call trains its config together with others that are alike; the calls for those then only hand over
    what came of them. So a sweep's agent works as always, each run logging to its own W&B run. What was trained ahead
    is in memory only: an interrupt or an error loses it.

    Parameters
    ----------
    configs : list of Config
        All that will be asked for, in any order.
    size : int
        How many to train together at most.
    """

    def __init__(self, configs, size):
        train.check_positive("size", size)
        self.waiting, self.size, self.results = dict.fromkeys(configs), size, {}

    def __call__(self, config, boards, validation, *, log=None, device=None):
        """As ``train.fit``. A config that is not waiting, or whose stack has failed, is trained alone."""
        if config in self.results:
            result = self.results.pop(config)
        else:
            members = [config]
            if config in self.waiting:
                others = (c for c in self.waiting if c != config and alike(c, config))
                members += itertools.islice(others, self.size - 1)
            for member in members:
                self.waiting.pop(member, None)
            result, *others = fit_stack(members, boards, validation, device=device)
            if not result.interrupted:
                self.results.update(zip(members[1:], others, strict=True))
        for metrics in result.history:
            if log is not None:
                log(dict(metrics))
        if result.error:
            raise result.error
        return result


class Captured:
    """A function of tensors on a GPU, which is launched as one CUDA graph after a few calls.

    Calls with other shapes than the first call's run eagerly; so do all where capturing fails, and a warning says so.
    The next call overwrites what a call returned.
    """

    def __init__(self, function):
        self.function, self.n_calls, self.eager = function, 0, False
        self.inputs = self.output = self.graph = None

    def __call__(self, *inputs):
        if self.inputs is None:
            self.inputs = [part.clone() for part in inputs]
            self.stream = torch.cuda.Stream()
        if self.eager or any(
            part.shape != held.shape for part, held in zip(inputs, self.inputs, strict=True)
        ):
            return self.function(*inputs)
        for held, part in zip(self.inputs, inputs, strict=True):
            held.copy_(part)
        self.n_calls += 1
        if self.n_calls <= WARM_UP:
            return self._warm_up()
        if self.graph is None:
            self._capture()
        if self.eager:
            return self.function(*inputs)
        self.graph.replay()
        return self.output

    def _warm_up(self):
        """A call on a stream of its own, as PyTorch wants the calls before a capture."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            output = self.function(*self.inputs)
        torch.cuda.current_stream().wait_stream(self.stream)
        return output

    def _capture(self):
        before, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.output = self.function(*self.inputs)
            self.graph = graph
        except RuntimeError as error:
            # PyTorch leaves its own stream in place where ending a capture fails
            torch.cuda.set_stream(before)
            cause = error.__context__ or error  # what went wrong first
            if not isinstance(cause, Exception):  # an interrupt
                raise cause from None
            self.eager = True
            warnings.warn(f"capturing the step failed, it runs eagerly: {cause}", stacklevel=3)
