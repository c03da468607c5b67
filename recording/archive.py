"""Where all servers put their recordings: an object store, by a URL.

    s3://bucket/folder      Amazon's S3, or whatever speaks like it at AWS_ENDPOINT_URL
    gs://, az://            Google's and Microsoft's
    file:///folder          a folder

Keys and regions come from the environment, by each service's own names (AWS_ACCESS_KEY_ID, …).
Blocking: for a thread. Every failure is an ArchiveFailed in words of our own, since what a service
answers may repeat a key.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..config.cluster_kinds import check_archive_url

NOT_INSTALLED = "obstore is not installed: pip install 'parley-voice[archive]'"
TIMEOUT = "30s"
"""Of one request; a long recording is several."""
CONNECT_TIMEOUT = "5s"


class BadArchive(ValueError):
    """The URL, or what the environment says of it, cannot be used."""


class ArchiveFailed(Exception):
    """It did not take or give a recording; the message says why."""


def archive_problem(url: str | None) -> str | None:
    """Why recordings cannot be put there, found without asking it; None where nothing is wrong."""
    if url is None:
        return None
    if importlib.util.find_spec("obstore") is None:
        return NOT_INSTALLED
    try:
        Archive(url)
    except BadArchive as problem:
        return str(problem)
    return None


class Archive:
    """One per server. Objects have the names of files."""

    def __init__(self, url: str) -> None:
        """Raises BadArchive."""
        try:
            self._store = _opened(url)
        except ImportError:
            raise BadArchive(NOT_INSTALLED) from None

    def put(self, path: Path) -> None:
        """The whole file; a large one goes in parts. Raises ArchiveFailed, and OSError where the
        file cannot be read."""
        import obstore
        from obstore.exceptions import BaseError

        with path.open("rb") as file:
            try:
                obstore.put(self._store, path.name, file)
            except (BaseError, OSError) as error:
                raise ArchiveFailed(_words(error)) from None

    def get(self, name: str, most_bytes: float) -> bytes | None:
        """None where there is none of this name, or it is larger. Raises ArchiveFailed."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            found = obstore.get(self._store, name)
            if found.meta["size"] > most_bytes:
                return None
            return bytes(found.bytes())
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise ArchiveFailed(_words(error)) from None


def _opened(url: str) -> Any:
    """Raises BadArchive, and ImportError."""
    try:
        check_archive_url(url)
    except ValueError as problem:
        raise BadArchive(str(problem)) from None
    parts = urlsplit(url)
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    own: dict[str, Any] = {} if parts.scheme != "file" else {"mkdir": True}
    if parts.scheme != "file":
        plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
        own["client_options"] = {
            "timeout": TIMEOUT,
            "connect_timeout": CONNECT_TIMEOUT,
            "allow_http": plain,
        }
        own["retry_config"] = {"max_retries": 0}  # whoever asks has a patience of their own
    try:
        return from_url(url, **own)
    except (BaseError, ValueError, TypeError) as error:
        raise BadArchive(_words(error)) from None


_NO_BUCKET = "there is no such bucket or folder"
_WORDS = {
    "UnauthenticatedError": "it does not know the keys that the environment has",
    "PermissionDeniedError": "the keys that the environment has may not do this",
    "FileNotFoundError": _NO_BUCKET,
    "NotFoundError": _NO_BUCKET,
}


def _words(error: Exception) -> str:
    kind = type(error).__name__
    return _WORDS.get(kind, f"it cannot be reached, or does not do what it is asked ({kind})")
