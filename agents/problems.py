"""What can be wrong with an agent before anybody calls it."""

from __future__ import annotations


class BadAgent(ValueError):
    """An agent, or one of its tools, that cannot work. The message is one line that says what to
    do."""
