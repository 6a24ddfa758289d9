"""Every name of wandb in use here that W&B's documentation does not promise, and why; ``make drift`` tries each."""

import contextlib
import importlib
import logging
import os
import sys
import traceback

import wandb
from wandb.proto.wandb_internal_pb2 import Record  # noqa: F401  the records of a run's file
from wandb.sdk import wandb_setup
from wandb.sdk.lib.service.service_port_file import ServicePollForTokenError
from wandb.sdk.lib.service.service_token import WandbServiceConnectionError
from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError

# what an online or offline run is kept in, below WANDB_DIR
RUN_FILE = "*wandb/*run-*-{id}*/run-{id}.wandb"
# wandb's older word for offline: where it stands, it was not the reader who has said "offline"
OFFLINE_MODE = "dryrun"
# the environment variable that names the file from which wandb.init() reads its config
CONFIG_FILE = "WANDB_SWEEP_PARAM_PATH"
# what a run says when there is no account
NO_KEY = "No API key configured"
# where wandb itself reads it, it writes it into the run, and a server that does not know the sweep refuses `wandb sync`
SWEEP_ID = "WANDB_SWEEP_ID"
IN_SWEEP = {
    # as in a sweep of W&B's, init() ignores id, project and entity; SWEEP_ID would do that, too
    "WANDB_LAUNCH": "true",
    # seconds; by default 15, and a run that is killed loses what it logged in them
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1",
}

# what wandb raises when its background process is gone, or has not come
LOST = (HandleAbandonedError, MailboxClosedError)
LOST += (ServicePollForTokenError, WandbServiceConnectionError)


def sweep_command(command, config):
    """A sweep's ``command``, or wandb's usual one, and what its macros stand for: a list of words, a dict of lists."""
    # only here: takes half a second to import
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    args = {name: {"value": value} for name, value in config.items()}
    return create_sweep_command(command), create_sweep_command_args({"args": args})


def set_up(environment, sweep_id):
    """Let wandb read its settings from an environment that has changed since its first use."""
    os.environ.pop(SWEEP_ID, None)
    settings = wandb.Settings()
    settings.update_from_env_vars(environment)
    # wandb.setup() would start the background process, too, and wait for itself for ever if that dies meanwhile
    singleton = wandb_setup._setup(settings, start_service=False)
    singleton._settings_environ = None  # else each run warns that the environment has changed
    os.environ[SWEEP_ID] = sweep_id  # wandb has read its settings: for the function alone
    os.unsetenv(SWEEP_ID)  # child processes must not inherit it, for there wandb would read it


def finish_runs():
    """Finish all open runs, also those of ``reinit="create_new"``, which ``wandb.finish`` does not know."""
    wandb_setup.singleton().finish_all_active_runs()


def shut_down():
    """End wandb's background process, dead or alive; the next use of wandb starts a new one."""
    # that of a process which is gone already; wandb exits if it dies just now
    with contextlib.suppress(Exception, SystemExit):
        wandb.teardown()
    # its address may still be there, if somebody has put the environment back since
    os.environ.pop("WANDB_SERVICE", None)
    wandb.run = None  # a run that was left open cannot be finished any more


@contextlib.contextmanager
def restored():
    """A block of code that may change wandb's settings, its environment and its hooks: all are put back after it."""
    shut_down()
    hooks = sys.exit, sys.excepthook  # wandb replaces them in each run
    before = _environment()
    try:
        yield
    finally:
        shut_down()
        sys.exit, sys.excepthook = hooks
        for name in _environment():
            del os.environ[name]
        os.environ.update(before)


def _environment():
    return {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}


@contextlib.contextmanager
def hooked(after_log, is_failure, sweep_id):
    """A block of code in which runs call two functions, for wandb has no callbacks, and have a ``sweep_id``.

    ``after_log(run, data, step)``, if it is not None, follows each ``run.log`` whose data wandb has not dropped because
    their step is over. ``is_failure(error)`` says whether ``with wandb.init()`` takes the error, or None, that ends it
    as a failure; if not, wandb hears of none.
    """
    real = {name: getattr(wandb.Run, name) for name in ("log", "__exit__", "sweep_id")}

    def log(run, data, step=None, commit=None):
        now = run.step
        real["log"](run, data, step, commit)
        at = now if step is None else step
        if at >= now:
            after_log(run, data, at)

    def leave(run, error_type, error, trace):
        if not is_failure(error):
            error_type = error = trace = None
        return real["__exit__"](run, error_type, error, trace)

    wandb.Run.__exit__, wandb.Run.sweep_id = leave, sweep_id
    if after_log:
        wandb.Run.log = log
    try:
        yield
    finally:
        for name, attribute in real.items():
            setattr(wandb.Run, name, attribute)


def lost_wandb(error):
    """Whether wandb's background process is gone, which is no fault of a run's configuration."""
    if isinstance(error, LOST):
        return True
    # of another ConnectionError, the reader's own code may be the cause
    frames = traceback.walk_tb(error.__traceback__)
    names = [frame.f_globals.get("__name__", "") for frame, _ in frames]
    return isinstance(error, ConnectionError) and any(name.startswith("wandb.") for name in names)


def optimizer(sweep):
    """The object by which wandb's own sweep scheduler asks the engine that a sweep's ``scheduler`` names."""
    from wandb.sdk.sweeps import SweepInfo  # only here: the engines are large
    from wandb.sdk.sweeps.scheduler.optimizer import make_optimizer

    engine = sweep.space.engine
    importlib.import_module(f"wandb.sdk.sweeps.scheduler.{engine}")
    for handler in logging.getLogger(engine).handlers:
        handler.setLevel(logging.WARNING)  # else a line for each study and run
    name = sweep.config.get("name") or sweep.id
    return make_optimizer(SweepInfo(sweep.id, name, "", sweep.project, sweep.config, ""))


def run_for_optimizer(run, state, summary, rows):
    """A run in the form that ``optimizer`` takes: in a state of W&B's, with the metrics that it knows."""
    from wandb.sdk.sweeps import RunState
    from wandb.sdk.sweeps.scheduler.optimizer import RunConfig, RunWithMetrics

    state = RunState("killed" if state == "stopped" else state)
    return RunWithMetrics(RunConfig.from_values(run.params), state, run.id, summary, rows)
