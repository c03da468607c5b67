"""The tokens that count now: the one of PARLEY_TOKEN, and those of the file, read again when it has
changed.

A file that has become unreadable changes nothing: what was known goes on counting, and the log says
what is wrong. A token that was taken out of the file opens nothing from the next second on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import structlog
import trio

from ...config import Admitting
from ...engines.services.keys import plain_text
from .tokens import BadTokens, TokenRing, own_token, read_tokens

LOOK_EVERY_S = 1.0
SIZE_MAX = 4 * 1024 * 1024
"""Some ten thousand tokens."""


class Keyring:
    """One per server. Raises BadTokens where the file cannot be used from the beginning."""

    def __init__(self, settings: Admitting) -> None:
        own = plain_text(settings.token)
        self._own = [] if own is None else [own_token(own)]
        self._file = (
            None if settings.tokens_file is None else Path(settings.tokens_file).expanduser()
        )
        self._seen: tuple[int, int, int] | None = None
        self._log = structlog.get_logger(__name__)
        self.on_read: Callable[[TokenRing], None] = lambda ring: None
        """Told of the tokens that count from now on."""
        self.ring = TokenRing(self._own)
        if self._file is not None:
            self._seen = _stamp(self._file)
            self.ring = self._read(self._file)

    @property
    def is_set(self) -> bool:
        """Whether tokens are asked for. A file without tokens lets nobody in."""
        return bool(self._own) or self._file is not None

    @property
    def has_file(self) -> bool:
        return self._file is not None

    async def keep_looking(self) -> None:
        """A child of the server's tree."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Read the file again where it has changed."""
        if self._file is None or (stamp := _stamp(self._file)) == self._seen:
            return
        self._seen = stamp
        try:
            self.ring = self._read(self._file)
        except BadTokens as problem:
            self._log.error("tokens_unreadable", problem=str(problem), known=len(self.ring))
        else:
            self._log.info("tokens_read", count=len(self.ring))
            self.on_read(self.ring)

    def _read(self, file: Path) -> TokenRing:
        try:
            if file.stat().st_size > SIZE_MAX:
                raise BadTokens(f"{file}: larger than {SIZE_MAX // 2**20} MB")
            text = file.read_text("utf-8")
        except OSError as error:
            raise BadTokens(f"{file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise BadTokens(f"{file}: cannot be read: not UTF-8") from None
        return TokenRing([*self._own, *read_tokens(text, str(file))])


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
