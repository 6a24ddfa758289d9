"""What this package refuses."""


class SweepError(ValueError):
    """A sweep configuration or sweep id that cannot be run."""
