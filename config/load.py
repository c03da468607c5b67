"""Loading: one Settings from overrides, environment, .env, a TOML file and defaults.

Whatever is wrong, in files or in values, is gathered and raised as one SettingsError. Names that
look like ours but are not become warnings. Secrets are wrapped before anything is validated, so
that no message can show one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr, ValidationError

from .base_urls import keys_of
from .explain import meant
from .kinds import (
    allowed,
    hint,
    is_secret,
    may_be_blank,
    may_hold_credentials,
    parted,
    without_credentials,
)
from .service_links import service_links
from .settings import Settings
from .sources import Entry, NoFile, Unreadable, from_dotenv, from_mapping, from_toml

CONFIG_VARIABLE = "PARLEY_CONFIG"
"""Names the TOML file. Read from the environment and .env only."""

OWN_PREFIXES = ("STREAM_", "WS_", "VAD_", "AUDIO_", "PARLEY_")
"""Unknown variables so named are reported. OPENAI_* may be meant for other libraries."""

_FIELDS = {name.upper(): (name, info) for name, info in Settings.model_fields.items()}
"""By variable: the name of its field, and what the field says of itself."""

_NEEDS = {
    ("STREAM_LLM_ENGINE", "openai"): ("OPENAI_API_KEY", "OPENAI_BASE_URL"),
    ("STREAM_ASR_ENGINE", "openai"): (
        *("OPENAI_API_KEY", "OPENAI_BASE_URL"),
        *("OPENAI_ASR_API_KEY", "OPENAI_ASR_BASE_URL"),
    ),
    ("STREAM_TTS_ENGINE", "openai"): (
        *("OPENAI_API_KEY", "OPENAI_BASE_URL"),
        *("OPENAI_TTS_API_KEY", "OPENAI_TTS_BASE_URL"),
    ),
}
"""By choice: the variables of which one at least must be given."""

_SHOWN_CHARS = 60
"""Longest value quoted in a message: enough to recognise it, and it still fits a line."""


class SettingsError(Exception):
    """The settings cannot be used. The message has one line per problem."""

    def __init__(self, problems: Iterable[str], warnings: Iterable[str] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(self.problems))


@dataclass(slots=True)
class _Gathering:
    """What was found so far. Later layers are added over earlier ones."""

    found: dict[str, Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add_exact(self, entries: Iterable[Entry]) -> None:
        """Add a layer shared with other programs: names in upper case, strangers ignored."""
        for entry in entries:
            if entry.name in _FIELDS:
                self._take(entry.name, entry)
            elif entry.name.upper().startswith(OWN_PREFIXES) and entry.name != CONFIG_VARIABLE:
                self._warn_unknown(entry)

    def add_folded(self, entries: Iterable[Entry]) -> None:
        """Add a layer that is all ours: names in any case, every stranger is reported."""
        seen = set()
        for entry in entries:
            name = entry.name.upper()
            if name in seen:
                self.problems.append(f"{_named(name)}: given more than once (from {entry.origin})")
            elif name in _FIELDS:
                self._take(name, entry)
            else:
                self._warn_unknown(entry)
            seen.add(name)

    def _take(self, name: str, entry: Entry) -> None:
        """Lay a value over what is there. None counts as not given, and so does blank text, but
        for what may be blank."""
        value = entry.value
        if isinstance(value, str):
            value = value.strip()
        if value is None or (value == "" and not may_be_blank(_FIELDS[name][1])):
            return
        if isinstance(value, str) and is_secret(_FIELDS[name][1]):
            value = SecretStr(value)
        self.found[name] = Entry(name=name, value=value, origin=entry.origin)

    def _warn_unknown(self, entry: Entry) -> None:
        """Report a name, never its value, which may be a secret."""
        name = _named(entry.name)
        if name.upper() == CONFIG_VARIABLE:
            hint = "; only the environment and .env can name the TOML file"
        elif isinstance(entry.value, Mapping):
            hint = "; settings stand at the top level, not in a table"
        else:
            close = meant(name, _FIELDS)
            hint = f"; did you mean {close}?" if close else ""
        self.warnings.append(f"{name}: no such setting (from {entry.origin}){hint}")


def _named(name: str) -> str:
    """A name that somebody else chose, in a message."""
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}..."


def load_settings(
    overrides: Mapping[str, object] | None = None,
    *,
    env_file: Path | None = Path(".env"),
    toml_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read every source once and return the validated settings.

    Highest first: `overrides` (names in any case; None means not given), `environ` (the real
    environment unless given), `env_file` (need not exist, or be a file; None for none), the TOML
    file (`toml_file`, else PARLEY_CONFIG; must exist), defaults. Blank values count as not given,
    but for texts that may be empty.

    Raises SettingsError with every problem at once.
    """
    environ = os.environ if environ is None else environ
    gathering = _Gathering()
    links = service_links(environ)
    environ = {name: value for name, value in environ.items() if name not in links.names}
    if (warning := links.warning(frozenset(_FIELDS))) is not None:
        gathering.warnings.append(warning)
    dotenv_entries: list[Entry] = []
    try:
        dotenv_entries = from_dotenv(env_file) if env_file is not None else []
    except NoFile as error:
        gathering.warnings.append(f"{error}; it is passed over")
    except Unreadable as error:
        gathering.problems.append(str(error))
    named_toml = _named_toml(environ, dotenv_entries)
    toml_path = toml_file if toml_file is not None else named_toml
    try:
        gathering.add_folded(from_toml(toml_path) if toml_path is not None else [])
    except Unreadable as error:
        blame = "" if toml_file is not None else f"{CONFIG_VARIABLE}: "
        gathering.problems.append(f"{blame}{error}")
    gathering.add_exact(dotenv_entries)
    gathering.add_exact(from_mapping(environ, "the environment"))
    gathering.add_folded(from_mapping(overrides or {}, "an explicit override"))

    if not gathering.problems:  # what a file failed to say is not held against the rest
        gathering.problems.extend(_contradictions(gathering.found))
    settings, refused = _validate(gathering.found)
    problems = gathering.problems + refused
    if settings is None or problems:
        raise SettingsError(problems, gathering.warnings)
    origins = {name: entry.origin for name, entry in gathering.found.items()}
    return settings.with_warnings(gathering.warnings, origins)


def _named_toml(environ: Mapping[str, str], dotenv_entries: Iterable[Entry]) -> Path | None:
    """The TOML file that PARLEY_CONFIG names, if any."""
    named = {entry.name: str(entry.value or "").strip() for entry in dotenv_entries}
    name = environ.get(CONFIG_VARIABLE, "").strip() or named.get(CONFIG_VARIABLE)
    return Path(name) if name else None


def _validate(found: Mapping[str, Entry]) -> tuple[Settings | None, list[str]]:
    """The settings, or one problem per refused variable. Pydantic's own error goes no further."""
    try:
        values = {_FIELDS[name][0]: entry.value for name, entry in found.items()}
        return Settings.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        refused = {str(detail["loc"][0]).upper() for detail in details}
    return None, [_refusal(name, found[name]) for name in _FIELDS if name in refused]


def _refusal(name: str, entry: Entry) -> str:
    field_info = _FIELDS[name][1]
    value = entry.value
    if is_secret(field_info):
        shown = "the value (not shown)"
    elif isinstance(value, Mapping | list):
        shown = "a table" if isinstance(value, Mapping) else "a list"
    else:
        if isinstance(value, str) and may_hold_credentials(field_info):
            value = without_credentials(value)
        shown = repr(value)
        if len(shown) > _SHOWN_CHARS:
            shown = f"{shown[:_SHOWN_CHARS]}..."
    meant = hint(field_info, value)
    rule = f"{allowed(field_info)}; {meant}" if meant else allowed(field_info)
    return f"{name}: {shown} is refused; allowed: {rule} (from {entry.origin})"


def _contradictions(found: Mapping[str, Entry]) -> list[str]:
    """Settings that are fine alone and cannot work together.

    They are looked for in what was given, so that they are reported beside refused values.
    """
    problems = []
    for (name, choice), needed in _NEEDS.items():
        engine = found.get(name)
        if engine is None or str(engine.value).lower() != choice or found.keys() & set(needed):
            continue
        *others, last = needed
        either = f"{', '.join(others)} or {last}" if others else last
        problems.append(f"{name}: '{choice}' is refused; it needs {either} (from {engine.origin})")
    return [*problems, *_odd_keys(found)]


def _odd_keys(found: Mapping[str, Entry]) -> Iterator[str]:
    """Keys of pools that are neither one for all nor one for each."""
    for service in ("OPENAI", "OPENAI_ASR", "OPENAI_FALLBACK", "OPENAI_TTS"):
        key = found.get(f"{service}_API_KEY")
        urls = found.get(f"{service}_BASE_URL", found.get("OPENAI_BASE_URL"))
        if key is None or urls is None or not isinstance(key.value, SecretStr):
            continue
        try:
            keys_of(key.value, len(parted(str(urls.value))))
        except ValueError as error:
            yield f"{key.name}: {error} (from {key.origin})"
