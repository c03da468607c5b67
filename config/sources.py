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


def from_mapping(values: Mapping[str, object], origin: str) -> Iterator[Entry]:
    """The environment, or explicit overrides."""
    for name, value in values.items():
        yield Entry(name=name, value=value, origin=origin)


def from_dotenv(path: Path) -> list[Entry]:
    """The entries of a .env file, in order; none if there is no such file.

    Values are taken as they stand: `${NAME}` is not expanded. Raises NoFile, and Unreadable, which
    names every line that is neither empty, a comment nor NAME=value.
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
            origin = f"{path} line {line}"
            entries.append(Entry(name=binding.key, value=binding.value, origin=origin))
    if bad_lines:
        raise Unreadable(f"{path}: not NAME=value in line {', '.join(bad_lines)}")
    return entries


def from_toml(path: Path) -> list[Entry]:
    """The top-level keys of a TOML file. Raises Unreadable."""
    try:
        text = _read(path)
    except FileNotFoundError:
        raise Unreadable(f"{path}: there is no such file") from None
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or a number without end
        raise Unreadable(f"{path}: not valid TOML: {error}") from None
    return list(from_mapping(values, str(path)))


def _read(path: Path) -> str:
    """Read a text file. FileNotFoundError is left to the caller; the rest is Unreadable."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise NoFile(f"{path}: it is a folder, and no file with settings") from None
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise Unreadable(f"{path}: cannot be read: not UTF-8 at {where}") from None
    except ValueError:
        raise Unreadable(f"{str(path)!r}: cannot be read: this is no name of a file") from None
