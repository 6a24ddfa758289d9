"""What this package refuses, and what it says when it stops a run."""


class SweepError(ValueError):
    """A sweep configuration or sweep id that cannot be run."""
