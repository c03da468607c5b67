"""The kinds of values that settings have, and the words that say what is allowed.

A kind is an annotated type: how a value is read, its unit, and a rule in words where bounds do
not tell. `allowed` turns a field's kind and bounds into one phrase, for error messages and for
docs/CONFIGURATION.md. Validators raise ValueError; pydantic collects them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args, get_origin
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from ..addresses import without_brackets
from ..conversation.languages import check_language, languages_of, likely_language
from ..conversation.text.tables import tables_with

# To offer another engine, add its name here; the factory of that engine does the rest.
VadEngine: TypeAlias = Literal["auto", "webrtc", "energy", "silero", "newspeech"]
TurnEngine: TypeAlias = Literal["auto", "fixed", "text", "smart-turn", "both"]
Unfinished: TypeAlias = Literal["answer", "ask", "wait"]
OwnVadEngine: TypeAlias = Literal["same", "auto", "webrtc", "energy", "silero", "newspeech"]
"""An endpoint's own choice; "same" is that of the others."""
AsrEngine: TypeAlias = Literal["auto", "moonshine", "whisper", "pocketsphinx", "openai"]
LlmEngine: TypeAlias = Literal["auto", "openai", "gguf", "local"]
TtsEngine: TypeAlias = Literal["auto", "pyttsx3", "piper", "kokoro", "openai"]
Phrases: TypeAlias = Literal["auto", "sentences", "short", "tokens"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
LogFormat: TypeAlias = Literal["auto", "json", "console"]
Network: TypeAlias = IPv4Network | IPv6Network
Permission: TypeAlias = Literal["auto", "on", "off"]

SAMPLE_RATES_HZ = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The rates that audio can be resampled from and to."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a number, as it is printed after its bounds."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What is allowed, in words."""

    words: str


@dataclass(frozen=True, slots=True)
class Hint:
    """Words for a refused value: what was probably meant. They may be empty."""

    about: Callable[[object], str]


@dataclass(frozen=True, slots=True)
class _MayHoldCredentials:
    """Marks a URL in which a password may stand."""


may_be_credentials = _MayHoldCredentials()


@dataclass(frozen=True, slots=True)
class _MayBeBlank:
    """Marks a text that means something where it is empty."""


def _refuse_bool(value: object) -> object:
    """Refuse TOML's `true` where a number is meant: Python would take it for 1."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _fold_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _check_rate(value: int) -> int:
    if value not in SAMPLE_RATES_HZ:
        raise ValueError("not a rate that can be resampled")
    return value


def check_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)  # raises ValueError itself for a malformed host
    has_space = any(character.isspace() for character in value)
    if parts.scheme not in ("http", "https") or not parts.hostname or has_space:
        raise ValueError("not an http or https URL")
    _ = parts.port  # raises ValueError for a port that is none
    return value


def _check_key(value: SecretStr | None) -> SecretStr | None:
    """Refuse a key that no HTTP header can carry, such as one with a typographic quote."""
    if value is not None:
        key = value.get_secret_value()
        if not key or not all("!" <= character <= "~" for character in key):
            raise ValueError("not a key")
    return value


def _check_own_token(value: SecretStr | None) -> SecretStr | None:
    """Refuse one that can be guessed, or that no header can carry."""
    if value is not None and len(value.get_secret_value()) < SECRET_CHARS:
        raise ValueError("too short")
    return _check_key(value)


def _check_tables(value: str | None) -> str | None:
    """A file that adds to what is known of languages can be read, and is right."""
    if value is not None:
        try:
            tables_with(Path(value).expanduser().read_text("utf-8"))
        except OSError as error:
            raise ValueError(f"it cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8") from None
    return value


def _why_no_tables(value: object) -> str:
    try:
        _check_tables(str(value))
    except ValueError as error:
        return str(error)
    return ""


def voices_of(listed: str | None) -> tuple[tuple[str, str], ...]:
    """Language and voice of each `language=voice` in a list with commas. Raises ValueError."""
    pairs: list[tuple[str, str]] = []
    for entry in filter(None, map(str.strip, (listed or "").split(","))):
        language, equals, voice = (part.strip() for part in entry.partition("="))
        if not equals or not voice:
            raise ValueError(f"{entry!r} has no language or no voice")
        languages = languages_of(language)
        if len(languages) != 1 or languages[0] in dict(pairs):
            raise ValueError(f"{entry!r} names no language, or one that has a voice already")
        pairs.append((languages[0], voice))
    return tuple(pairs)


def _check_voices(listed: str | None) -> str | None:
    voices_of(listed)
    return listed


def _check_languages(listed: str | None) -> str | None:
    languages_of(listed or "")
    return listed


def origins_of(listed: str | None) -> tuple[str, ...]:
    """The origins in a list with commas, as browsers write them. Raises ValueError."""
    origins = tuple(
        origin.lower() for origin in map(str.strip, (listed or "").split(",")) if origin
    )
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (
            parts.scheme not in ("http", "https") or f"{parts.scheme}://{parts.netloc}" != origin
        ):
            raise ValueError(f"{origin!r} is no origin: write https://page.example.org")
    return origins


def hosts_of(listed: str | None) -> tuple[str, ...]:
    """The names in a list with commas, in lower case. Raises ValueError."""
    hosts = tuple(host.lower() for host in map(str.strip, (listed or "").split(",")) if host)
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
            raise ValueError(f"{host!r} is no name: write voice.example.org, without a port")
    return hosts


def _check_hosts(listed: str | None) -> str | None:
    hosts_of(listed)
    return listed


def networks_of(listed: str | None) -> tuple[Network, ...]:
    """The addresses and networks in a list with commas. Raises ValueError."""
    return tuple(
        ip_network(one, strict=False) for one in map(str.strip, (listed or "").split(",")) if one
    )


def _check_networks(listed: str | None) -> str | None:
    networks_of(listed)
    return listed


def _check_origins(listed: str | None) -> str | None:
    origins_of(listed)
    return listed


_NUMBER = BeforeValidator(_refuse_bool)
_FOLDED = BeforeValidator(_fold_case)

Whole: TypeAlias = Annotated[int, _NUMBER]
Number: TypeAlias = Annotated[float, _NUMBER]
Milliseconds: TypeAlias = Annotated[int, _NUMBER, Unit("ms")]
Seconds: TypeAlias = Annotated[float, _NUMBER, Unit("s")]
Days: TypeAlias = Annotated[float, _NUMBER, Unit("days")]
Megabytes: TypeAlias = Annotated[int, _NUMBER, Unit("MB")]
Samples: TypeAlias = Annotated[int, _NUMBER, Unit("samples")]
Characters: TypeAlias = Annotated[int, _NUMBER, Unit("characters")]
WordsPerMinute: TypeAlias = Annotated[int, _NUMBER, Unit("words per minute")]
Tokens: TypeAlias = Annotated[int, _NUMBER, Unit("tokens")]
SampleRate: TypeAlias = Annotated[
    int,
    _NUMBER,
    AfterValidator(_check_rate),
    Rule(f"one of {', '.join(str(rate) for rate in SAMPLE_RATES_HZ)} Hz"),
]
BaseUrl: TypeAlias = Annotated[
    str | None, AfterValidator(check_url), Rule("an http or https URL"), _MayHoldCredentials()
]
ApiKey: TypeAlias = Annotated[
    SecretStr | None, AfterValidator(_check_key), Rule("printable ASCII without spaces")
]

SpeechTables: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_tables),
    Rule("path of a TOML file as docs/SPEECH.md describes it"),
    Hint(_why_no_tables),
]

Host: TypeAlias = Annotated[str, AfterValidator(without_brackets)]
"""A host or an address to listen on; an IPv6 address may stand in brackets, as it does in URLs."""

Blank: TypeAlias = Annotated[str, _MayBeBlank()]
"""A text that may be empty: given as such it is no default, but nothing."""

Language: TypeAlias = Annotated[
    str,
    _FOLDED,
    AfterValidator(check_language),
    Rule("auto, or a language code such as en, de or yue"),
    Hint(likely_language),
]
Languages: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_languages),
    Rule("language codes with commas between them: en,de,fr"),
]
Origins: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_origins),
    Rule(
        "*, or origins with commas between them: https://page.example.org,https://app.example.org"
    ),
]
Voices: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_voices),
    Rule("pairs with commas between them: de=/voices/thorsten.onnx,fr=fr-fr"),
]

Hosts: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_hosts),
    Rule("names with commas between them: voice.example.org,voice.local"),
]
Networks: TypeAlias = Annotated[
    str | None,
    AfterValidator(_check_networks),
    Rule("addresses or networks with commas between them: 127.0.0.1,10.0.0.0/8"),
]
SECRET_CHARS = 16
"""A token of fewer characters can be guessed."""
OwnToken: TypeAlias = Annotated[
    SecretStr | None,
    AfterValidator(_check_own_token),
    Rule(f"at least {SECRET_CHARS} printable ASCII characters without spaces"),
]

VadEngineChoice: TypeAlias = Annotated[VadEngine, _FOLDED]
TurnEngineChoice: TypeAlias = Annotated[TurnEngine, _FOLDED]
UnfinishedChoice: TypeAlias = Annotated[Unfinished, _FOLDED]
OwnVadEngineChoice: TypeAlias = Annotated[OwnVadEngine, _FOLDED]
AsrEngineChoice: TypeAlias = Annotated[AsrEngine, _FOLDED]
LlmEngineChoice: TypeAlias = Annotated[LlmEngine, _FOLDED]
TtsEngineChoice: TypeAlias = Annotated[TtsEngine, _FOLDED]
PhrasesChoice: TypeAlias = Annotated[Phrases, _FOLDED]
LogLevelChoice: TypeAlias = Annotated[LogLevel, _FOLDED]
LogFormatChoice: TypeAlias = Annotated[LogFormat, _FOLDED]
PermissionChoice: TypeAlias = Annotated[Permission, _FOLDED]


def is_secret(field: FieldInfo) -> bool:
    """Whether the field's value must never be shown."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def allowed(field: FieldInfo) -> str:
    """Say in one phrase what values the field takes."""
    for mark in field.metadata:
        if isinstance(mark, Rule):
            return mark.words
    if get_origin(field.annotation) is Literal:
        *others, last = (str(choice) for choice in get_args(field.annotation))
        return f"{', '.join(others)} or {last}" if others else f"only {last}"
    if field.annotation is bool:
        return "1/0, true/false, yes/no or on/off"
    if field.annotation is int:
        return f"whole number, {_range(field)}"
    if field.annotation is float:
        return f"number, {_range(field)}"
    return "text"


def default_text(field: FieldInfo) -> str:
    """The field's default as one would write it in the environment; "unset" for none."""
    default = field.default
    if default is None:
        return "unset"
    if isinstance(default, bool):
        return str(int(default))
    return _plain(default) if isinstance(default, float) else str(default)


def hint(field: FieldInfo, value: object) -> str:
    """What was probably meant by a refused value, in words; empty where nobody knows."""
    return next((mark.about(value) for mark in field.metadata if isinstance(mark, Hint)), "")


def may_be_blank(field: FieldInfo) -> bool:
    """Whether an empty value is one, where others' count as not given."""
    return any(isinstance(mark, _MayBeBlank) for mark in field.metadata)


def may_hold_credentials(field: FieldInfo) -> bool:
    """Whether the field's value must pass through without_credentials before it is shown."""
    return any(isinstance(mark, _MayHoldCredentials) for mark in field.metadata)


_NEXT_URL = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
"""A comma before a scheme: one within a URL, or within a password, parts nothing."""


def parted(listed: str) -> list[str]:
    """The URLs in a list with commas, well-formed or not."""
    return _NEXT_URL.split(listed.strip().strip(", \t\n"))


def without_credentials(url: str) -> str:
    """Cut user, password, query and fragment out of a URL, be it well-formed or not, and out of
    each in a list with commas.

    Whatever stands before the last "@" goes, so an odd URL is shown with too little of it
    rather than with a password.
    """
    return ",".join(_without_credentials(one) for one in parted(url))


def _without_credentials(url: str) -> str:
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url)
    start = scheme.group() if scheme else ""
    bare = url.removeprefix(start).rpartition("@")[2]
    return start + re.split(r"[?#]", bare)[0]


def _range(field: FieldInfo) -> str:
    """The bounds and the unit. Every number in the settings has both bounds."""
    low = high = unit = ""
    exclusive = False
    for mark in field.metadata:
        if isinstance(mark, Ge | Gt):
            low = _plain(mark.ge if isinstance(mark, Ge) else mark.gt)
            exclusive = isinstance(mark, Gt)
        elif isinstance(mark, Le):
            high = _plain(mark.le)
        elif isinstance(mark, Unit):
            unit = f" {mark.symbol}"
    if low == high:
        return f"only {low}{unit}"
    return f"above {low} to {high}{unit}" if exclusive else f"{low} to {high}{unit}"


def _plain(number: object) -> str:
    """A number without a needless ".0" and without an exponent."""
    return f"{number:.12g}" if isinstance(number, float) else str(number)
