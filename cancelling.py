"""The old name of `parley.testing.cancelling`, kept for one version."""

from .testing.cancelling import Attempt, cancelled_at, every_step

__all__ = ["Attempt", "cancelled_at", "every_step"]
