"""Signals that end a process, taken as the Ctrl-C that they mean."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def interruptible():
    """A block of code in which SIGTERM and SIGHUP raise ``KeyboardInterrupt``, as Ctrl-C does.

    Only in the main thread, where Python allows it. What is ignored, as SIGHUP under ``nohup``, or handled already,
    stays so.
    """
    numbers = []
    if threading.current_thread() is threading.main_thread():
        ours = (signal.SIGTERM, signal.SIGHUP)
        numbers = [number for number in ours if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
