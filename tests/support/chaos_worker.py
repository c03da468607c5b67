"""What the lanes of `chaos_server` work on: a module that costs a worker nothing to load."""


def nothing() -> None:
    """What a worker loads."""


def make_sound(samples: int) -> bytes:
    """A sample that stands still."""
    return b"\x00\x10" * samples
