"""Writing files so that nobody ever reads half of one."""

import contextlib
import io
import os
import secrets
import stat
import sys
from pathlib import Path

from .errors import StorageError, file_reason


def write_atomically(path, content):
    """Write ``content`` (bytes) to ``path`` through a temporary file in the same folder.

    A reader sees the old file or the new one, whole. The folder is made if it is missing. A link stays a link; a
    device or a pipe is written to.

    Raises
    ------
    StorageError
        The file cannot be written; what was there before is still there.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content)


def escape_output():
    """Have what is printed show as escapes the letters that the output refuses, such as one of ASCII alone."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal or a file; not a notebook
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def writing(path):
    """A block of code that writes ``path``: where the system refuses that, it becomes a ``StorageError``."""
    try:
        yield
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that is none in this locale
        raise cannot_write(path, error) from error


def cannot_write(path, error):
    """The ``StorageError`` that an error in writing ``path`` becomes."""
    return StorageError(
        f"cannot write {path.name} in {path.parent}: {file_reason(error)}. "
        "Make room or choose another folder; what was there before is unchanged"
    )


def _replace(path, content):
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
    except BaseException:
        # an interrupt may arrive just after the renaming
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
