"""Where settings come from: each source gives entries, and says where every one stood.

A file that cannot be read gives no entries and a problem. Problems never quote a line of a file,
since a secret may stand there. Nothing here knows which settings exist.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name with its value. `origin` completes the phrase "from ..."."""

    name: str
    value: object = field(repr=False)
    origin: str


class Unreadable(Exception):
    """A file cannot be used as a source. The message names the file and the reason."""


class NoFile(Unreadable):
    """It is a folder. A container's mount of a file that was not there makes one."""


LINES_NAMED = 20
"""Of those of a file that cannot be read."""
MOST_CHARS = 200
"""Of a path in a message: its beginning and its end."""


def shown(path: Path) -> str:
    """A path as it stands in a message: in one line, however odd or long it is."""
    text = str(path)
    text = text if text.isprintable() else ascii(text)
    half = MOST_CHARS // 2
    return text if len(text) <= MOST_CHARS else f"{text[:half]}...{text[-half:]}"


def from_mapping(values: Mapping[str, object], origin: str) -> Iterator[Entry]:
    """The environment, or explicit overrides."""
    for name, value in values.items():
        yield Entry(name=name, value=value, origin=origin)


def from_dotenv(path: Path) -> list[Entry]:
    """The entries of a .env file, in order; none if there is no such file.

    Values are taken as they stand: `${NAME}` is not expanded. Raises NoFile, and Unreadable, which
    names the lines that are neither empty, a comment nor NAME=value.
    """
    try:
        text = _read(path)
    except FileNotFoundError:
        return []
    entries = []
    bad_lines = []
    for binding in parse_stream(io.StringIO(text)):
        source = binding.original.string
        leading = source[: len(source) - len(source.lstrip())]
        line = binding.original.line + leading.count("\n")
        if binding.error:
            bad_lines.append(str(line))
        elif binding.key is not None:
            origin = f"{shown(path)} line {line}"
            entries.append(Entry(name=binding.key, value=binding.value, origin=origin))
    if bad_lines:
        more = len(bad_lines) - LINES_NAMED
        rest = f" and {more} more" if more > 0 else ""
        where = ", ".join(bad_lines[:LINES_NAMED]) + rest
        raise Unreadable(f"{shown(path)}: not NAME=value in line {where}")
    return entries


def from_toml(path: Path) -> list[Entry]:
    """The top-level keys of a TOML file. Raises Unreadable."""
    try:
        text = _read(path)
    except FileNotFoundError:
        raise Unreadable(f"{shown(path)}: there is no such file") from None
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or a number without end
        raise Unreadable(f"{shown(path)}: not valid TOML: {error}") from None
    return list(from_mapping(values, shown(path)))


def _read(path: Path) -> str:
    """Read a text file. FileNotFoundError is left to the caller; the rest is Unreadable."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise NoFile(f"{shown(path)}: it is a folder, and no file with settings") from None
    except OSError as error:
        raise Unreadable(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise Unreadable(f"{shown(path)}: cannot be read: not UTF-8 at {where}") from None
    except ValueError:
        raise Unreadable(f"{shown(path)}: cannot be read: this is no name of a file") from None
