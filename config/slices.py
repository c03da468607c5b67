"""Slices of the settings: each part of the server is handed its own, and sees nothing else.

Settings builds them. Values are validated already, so a slice cannot fail. Units are in the
names: `_ms` and `_s` are durations, `_chars` characters, `_hz` a sample rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from .kinds import (
    AsrEngine,
    LogFormat,
    LogLevel,
    Network,
    Phrases,
    TtsEngine,
    TurnEngine,
    Unfinished,
    VadEngine,
)
from .mcp_servers import McpServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """When speech starts and ends, and when it is transcribed on the way. Audio time.

    `vad_engine` is never "same"; it may be "auto", the best that is installed. `pause_ms`,
    `floor_ms` and `ceiling_ms` matter where an end-of-turn engine is asked: when, and within which
    bounds its answer counts.
    """

    vad_engine: VadEngine
    vad_aggressiveness: int
    threshold: float
    silence_ms: int
    min_speech_ms: int
    speech_pad_ms: int
    onset_ms: int
    max_utterance_ms: int
    partial_interval_ms: int
    partial_min_gap_ms: int
    energy_threshold: float
    sensitivity: float
    pause_ms: int
    floor_ms: int
    ceiling_ms: int
    narrow_band: bool = False
    """Whether it is the sound of a telephone, in which there is nothing above 4 kHz."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """What decides when a turn is over. `engine` may be "auto", which depends on the `language`;
    `model` is the path of smart-turn's, None the one that came in a package, in `models_dir`.
    `back_off` and `back_off_most` are log-odds, `recovery` is a share (conversation.patience);
    `asks` is what is said to words that want more, where `unfinished` is "ask"."""

    engine: TurnEngine
    language: str
    model: str | None
    models_dir: str | None
    backchannels: bool
    learns: bool
    back_off: float
    back_off_most: float
    recovery: float
    take_back_ms: int
    min_words: int
    unfinished: Unfinished
    asks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcribing:
    """Speech to text. `engine` may be "auto": the factory chooses by what is installed.

    `models_dir` is as it was set; model_store.models_folder makes a folder of it, also of None.
    `moonshine_model` is a folder of the user's; None: the model that came in a package.
    `language` is a code of Whisper's, or "auto", which chooses from `languages`, or from all where
    that is empty; `beam` and `threads` are Whisper's. What follows `lanes` is the openai engine's;
    see Answering for the secrets.
    """

    engine: AsrEngine
    moonshine_model: str | None
    whisper_model: str
    may_download: bool
    models_dir: str | None
    language: str
    languages: tuple[str, ...]
    beam: int
    threads: int
    timeout_s: float
    lanes: int
    model: str
    partials: bool
    base_url: str | None = field(repr=False)
    api_key: SecretStr | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """The model that is asked where the first one has failed; `model` is None where there is none.
    The server is OpenAI itself where there is no `base_url`."""

    model: str | None
    base_url: str | None = field(repr=False)
    api_key: SecretStr | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """The language model and the conversation. `engine` is decided, never "auto"; "found" looks for
    a model server on this machine, but not at the ports that Parley listens on itself.
    `named_model` is the model where somebody named one, `gguf` the path of a model file.

    `retries` counts the attempts after the first. `base_url` may be several (urls_of), and may
    hold credentials, so it is kept out of the repr, like the key. `failure_sentence` is as it was
    set; see conversation.spoken_sentences, which knows what it is in a `language`. `tool_rounds`
    bounds how often a reply's model may call tools.
    """

    engine: Literal["openai", "gguf", "found", "local"]
    model: str
    named_model: str | None
    gguf: str | None
    own_port: int
    own_engine_port: int
    max_tokens: int
    temperature: float
    base_url: str | None = field(repr=False)
    api_key: SecretStr | None = field(repr=False)
    timeout_s: float
    first_token_timeout_s: float
    first_word_timeout_s: float
    gap_timeout_s: float
    failure_sentence: str
    language: str
    system_prompt: str
    language_note: bool
    memory_turns: int
    interruption_mark: str
    retries: int
    speculations: int
    tool_rounds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What follows where the person says nothing for a while; 0 seconds are never. `question` and
    `goodbye` are as they were set, like a failure's sentence."""

    ask_after_s: float
    question: str
    end_after_s: float
    goodbye: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What an agent does where it says nothing else: the greeting, its tools. `mcp_servers` may
    hold credentials, so they are kept out of the repr; `tool_filler` is as it was set."""

    system_prompt: str
    greeting: str
    greeting_interruptible: bool
    mcp_servers: tuple[McpServer, ...] = field(repr=False)
    tool_timeout_s: float
    tool_filler: str
    tool_filler_s: float
    language: str
    tables: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaking:
    """Cutting the reply into phrases, synthesis, and how far ahead of playback it is sent.

    `phrases` may be "auto", which depends on the dialect; `tables` is the path of a file.
    `engine` may be "auto": the factory chooses by what is installed. `voice` and `rate_wpm` are
    pyttsx3's; `piper_voice` None is the voice that came in a package, in `models_dir`, where the
    `language` is its own; `voices` are those of single languages, by code; `kokoro_model` and
    `kokoro_voices` are paths. `model` and what follows it are the openai engine's; see Answering
    for the secrets.
    """

    engine: TtsEngine
    voice: str | None
    rate_wpm: int
    volume: float
    piper_voice: str | None
    kokoro_model: str | None
    kokoro_voices: str | None
    kokoro_voice: str
    models_dir: str | None
    language: str
    voices: tuple[tuple[str, str], ...]
    model: str
    model_voice: str
    captions: bool
    base_url: str | None = field(repr=False)
    api_key: SecretStr | None = field(repr=False)
    workers: int
    timeout_s: float
    phrases: Phrases
    tables: str | None
    max_sentence_chars: int
    max_phrase_chars: int
    first_phrase_chars: int
    phrase_gap_ms: int
    max_pending_phrases: int
    reply_lead_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Sockets, how many, keep-alive and shutdown. `idle_timeout_s` 0 means never, `resume_s` 0 that
    no conversation goes on over another connection; `upload_mb` and `upload_s` bound a recording
    that is transcribed over HTTP; `workers` 0 is one per core. At `agent_port` a balancer is told
    how busy the server is; 0: none."""

    host: str
    port: int
    engine_port: int
    audiosocket_port: int
    workers: int
    max_connections: int
    ping_interval_s: float
    ping_timeout_s: float
    idle_timeout_s: float
    drain_s: float
    send_stall_s: float
    resume_s: float
    upload_mb: int
    upload_s: float
    agent_host: str
    agent_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """From which load on nobody is let in; 0 turns a limit off. `loop_lag_ms` is how late the event
    loop may be, `cpu_share` how much of the processor may be taken, `lane_wait_ms` how long jobs
    may wait for a worker process, and `talking_share` how many of the places that the recognizer
    has may be taken by people who talk."""

    loop_lag_ms: int
    cpu_share: float
    lane_wait_ms: int
    talking_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitting:
    """Who is let in: see server/access. `hosts` are names in lower case, `pages` origins in lower
    case, or `*`; `proxies` are believed when they tell who asks. `host` and `admin_host` are what
    the server listens on."""

    host: str
    insecure: bool
    token: SecretStr | None = field(repr=False)
    tokens_file: str | None
    admin_token: SecretStr | None = field(repr=False)
    admin_host: str
    admin_port: int
    hosts: tuple[str, ...]
    pages: tuple[str, ...]
    proxies: tuple[Network, ...]
    tls_cert: str | None
    tls_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """What servers share, and who this one is among them: see cluster. `store_url` may hold a
    password; `advertise` is where others reach what is for administration."""

    store_url: str | None = field(repr=False)
    store_ca: str | None
    node: str | None
    advertise: str | None
    shared_key: SecretStr | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """The audio's shape: what `/stream` speaks, and the chunk size that clients are advised."""

    rate_hz: int
    channels: int
    chunk_ms: int
    pcm_chunk_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backpressure:
    """Above `threshold` waiting messages, only every `skip_frames`-th partial is sent."""

    threshold: int
    skip_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observing:
    """What is logged, and how, and whether turns are traced."""

    log_level: LogLevel
    log_format: LogFormat
    log_latency: bool
    log_transcripts: bool
    traces: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Which sessions are written to disk, what of them, and how long it is kept.

    `folder` None records nothing by itself; `share` is of all sessions; 0 days or megabytes keeps
    all. `on_request`: a client may have its own session recorded, `folder` or not. `archive` is
    the URL of where whole recordings are put; None leaves them in the folder.
    """

    folder: str | None
    archive: str | None
    on_request: bool
    share: float
    audio: bool
    text: bool
    keep_days: float
    keep_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """The door for telephone services: where they reach this server, how those are known that sign
    nothing, and who may have calls made. `public_url` has no slash at its end; `open` are services
    that are let in unknown; `host` is what the server listens on."""

    public_url: str | None
    stream_token: SecretStr | None = field(repr=False)
    user: str
    password: SecretStr | None = field(repr=False)
    open: tuple[str, ...]
    token: SecretStr | None = field(repr=False)
    number: str | None
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """What the services gave out: accounts, keys by which they are known, and keys of their APIs.
    A `base_url` None is the service's own."""

    twilio_account_sid: SecretStr | None = field(repr=False)
    twilio_auth_token: SecretStr | None = field(repr=False)
    twilio_shared_key: SecretStr | None = field(repr=False)
    twilio_base_url: str | None = field(repr=False)
    signalwire_project_id: SecretStr | None = field(repr=False)
    signalwire_api_token: SecretStr | None = field(repr=False)
    signalwire_signing_key: SecretStr | None = field(repr=False)
    signalwire_base_url: str | None = field(repr=False)
    telnyx_api_key: SecretStr | None = field(repr=False)
    telnyx_public_key: SecretStr | None = field(repr=False)
    telnyx_stream_token: SecretStr | None = field(repr=False)
    telnyx_connection_id: SecretStr | None = field(repr=False)
    telnyx_base_url: str | None = field(repr=False)
    plivo_auth_id: SecretStr | None = field(repr=False)
    plivo_auth_token: SecretStr | None = field(repr=False)
    plivo_base_url: str | None = field(repr=False)
    vonage_application_id: SecretStr | None = field(repr=False)
    vonage_private_key_file: str | None
    vonage_signature_secret: SecretStr | None = field(repr=False)
    vonage_base_url: str | None = field(repr=False)
    genesys_api_key: SecretStr | None = field(repr=False)
    genesys_client_secret: SecretStr | None = field(repr=False)
