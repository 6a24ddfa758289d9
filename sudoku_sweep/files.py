"""Writing files so that nobody ever reads half of one."""

import contextlib
import os
import tempfile
from pathlib import Path


def write_atomically(path, content):
    """Write ``content`` (bytes) to ``path`` through a temporary file in the same folder.

    A reader sees the old file or the new one, whole. The folder is made if it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(
            FileNotFoundError
        ):  # an interrupt may arrive just after the renaming
            os.unlink(temporary)
        raise
