"""What can go wrong, as one family: every error says what is wrong, where, and what to do.

All of them are ``ValueError``, so code that knows nothing of this package can still catch them.
"""

import difflib

WRITE_NUMBERS = "write it without quotes in Python, and 1.0e-5 in YAML, which reads 1e-5 as text"


class SudokuError(ValueError):
    """Anything that this package refuses."""


class BoardError(SudokuError):
    """A board, or a file of boards, that is not Sudoku."""


class ConfigError(SudokuError):
    """A hyperparameter that cannot be trained with."""


class CheckpointError(SudokuError):
    """A file that holds no trained net of this package."""


class DivergedError(SudokuError):
    """A training run whose loss is no longer a finite number."""


class OutOfMemoryError(SudokuError):
    """A training run that needs more memory than there is."""


class SweepError(SudokuError):
    """A sweep configuration, or a sweep's id, that cannot be run."""


class StorageError(SudokuError, OSError):
    """A file that cannot be written: no space, no permission, no such place."""


def in_words(error):
    """An error in a line: those of this package speak for themselves, others are named first."""
    return str(error) if isinstance(error, SudokuError) else f"{type(error).__name__}: {error}"


def meant(name, known):
    """The known name that an unknown one may stand for, as a question in brackets; nothing if none is close."""
    close = difflib.get_close_matches(str(name), known, 1, 0.75)
    return f" (did you mean {close[0]}?)" if close else ""


def file_reason(error):
    """Why a file could not be opened or written, without the error's number and the path."""
    return getattr(error, "strerror", None) or error


def field_reason(error):
    """What is wrong with a field, from one of the dicts that pydantic's ``ValidationError.errors()`` gives."""
    return error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
