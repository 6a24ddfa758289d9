"""What can go wrong, as one small family: every error says what is wrong, where, and what to do.

All of them are ``ValueError``, so code that knows nothing of this package can still catch them.
"""


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
