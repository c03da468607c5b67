"""Every variable that Parley reads: its kind, default, bounds and meaning, each in one place.

A field's name is the variable in lower case. The table in docs/CONFIGURATION.md repeats these
lines, and a test compares the two. Nothing is read from outside here; see load.py.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .base_urls import BaseUrls
from .cluster_kinds import ArchiveUrl, NodeName, StoreUrl
from .kinds import (
    ApiKey,
    AsrEngineChoice,
    BaseUrl,
    Blank,
    Characters,
    Days,
    Host,
    Hosts,
    Language,
    Languages,
    LlmEngineChoice,
    LogFormatChoice,
    LogLevelChoice,
    Megabytes,
    Milliseconds,
    Networks,
    Number,
    Origins,
    OwnToken,
    OwnVadEngineChoice,
    PermissionChoice,
    PhrasesChoice,
    SampleRate,
    Samples,
    Seconds,
    SpeechTables,
    Tokens,
    TtsEngineChoice,
    TurnEngineChoice,
    UnfinishedChoice,
    VadEngineChoice,
    Voices,
    Whole,
    WordsPerMinute,
)
from .mcp_servers import McpServers
from .telephone_kinds import PathToken, PhoneNumber, PublicUrl, Services, User

SYSTEM_PROMPT = (
    "You are a voice assistant, and your answer is read aloud. Answer in one to three short "
    "sentences of plain spoken language, without markup, lists, links or emoji."
)


class Variables(BaseSettings):
    """The flat model. Constructing it reads no environment: load_settings brings the values."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    # Serving
    parley_host: Host = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 for every interface.",
    )
    parley_port: Whole = Field(
        default=8084, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one."
    )
    parley_engine_port: Whole = Field(
        default=0,
        ge=0,
        le=65535,
        description="A second TCP port that speaks the protocol of /engine at any path; "
        "NewSpeech's clients expect 8765; 0 opens none.",
    )
    parley_audiosocket_port: Whole = Field(
        default=0,
        ge=0,
        le=65535,
        description="A TCP port that takes calls from Asterisk's AudioSocket, for the first agent; "
        "whoever reaches it can call; 0 opens none.",
    )
    parley_workers: Whole = Field(
        default=1,
        ge=0,
        le=60,
        description="Processes that parley serve runs side by side on one port; 0 is one per core.",
    )
    ws_max_connections: Whole = Field(
        default=100, ge=1, le=100_000, description="Connections served at once; more are refused."
    )
    stream_max_loop_lag_ms: Milliseconds = Field(
        default=80,
        ge=0,
        le=10_000,
        description="How late the event loop may be until new sessions are refused; 0 is never.",
    )
    stream_max_cpu_share: Number = Field(
        default=0.85,
        ge=0,
        le=1,
        description="Share of the processor that may be taken, where this server is what takes it, "
        "until new sessions are refused; 0 is never.",
    )
    stream_max_lane_wait_ms: Milliseconds = Field(
        default=250,
        ge=0,
        le=60_000,
        description="How long work may wait for a recognizer or a voice until new sessions are "
        "refused; 0 is never.",
    )
    stream_max_talking_share: Number = Field(
        default=0.85,
        ge=0,
        le=1,
        description="Share of the people that the recognizer keeps up with who may talk until new "
        "sessions are refused; 0 is never.",
    )
    ws_ping_interval: Seconds = Field(
        default=30.0, ge=0.1, le=3600, description="Seconds between two pings to a client."
    )
    ws_ping_timeout: Seconds = Field(
        default=10.0, ge=0.1, le=600, description="Seconds a client has to answer a ping."
    )
    ws_idle_timeout: Seconds = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="Seconds without any message from a client until it is closed; 0 is never.",
    )
    parley_resume_s: Seconds = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="Seconds for which a conversation is kept whose connection was lost, for "
        "clients that ask to go on with it; 0: none is.",
    )
    stream_send_stall_s: Seconds = Field(
        default=10.0, ge=0.1, le=600, description="Seconds a client may read nothing."
    )
    stream_drain_s: Seconds = Field(
        default=10.0, ge=0, le=300, description="Seconds that replies have to finish at shutdown."
    )
    stream_cors_origins: Origins = Field(
        default=None,
        description="Web pages of which other origins may use the server, over HTTP and "
        "WebSockets; unset: its own page alone.",
    )
    parley_insecure: bool = Field(
        default=False,
        description="Whether to listen on an address that others reach without asking anybody for "
        "a token: where something in front lets people in.",
    )
    parley_token: OwnToken = Field(
        default=None, description="The token that everybody has to bring; see docs/ACCESS.md."
    )
    parley_tokens_file: str | None = Field(
        default=None,
        min_length=1,
        description="File of hashed tokens, each with limits and claims; `parley tokens new` "
        "writes it.",
    )
    parley_admin_token: OwnToken = Field(
        default=None,
        description="The token for /metrics, /sessions and /telephone; unset: only this machine.",
    )
    parley_admin_port: Whole = Field(
        default=0,
        ge=0,
        le=65535,
        description="A port of its own for these; 0 opens none.",
    )
    parley_admin_host: Host = Field(
        default="127.0.0.1", min_length=1, description="Address of that port."
    )
    parley_agent_port: Whole = Field(
        default=0,
        ge=0,
        le=65535,
        description="A TCP port that tells HAProxy's agent check how much of the server is free "
        "(docs/DEPLOY.md); 0 opens none.",
    )
    parley_agent_host: Host = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address of that port; only private addresses are answered.",
    )
    parley_hosts: Hosts = Field(
        default=None,
        description="Names under which the server may be asked, beside localhost and addresses; "
        "unset: with tokens, any.",
    )
    parley_trusted_proxies: Networks = Field(
        default=None,
        description="Proxies that are believed when X-Forwarded-For says who asks; unset: none.",
    )
    parley_tls_cert: str | None = Field(
        default=None,
        min_length=1,
        description="Certificate chain to serve https and wss with, a PEM file.",
    )
    parley_tls_key: str | None = Field(
        default=None, min_length=1, description="Its private key, a PEM file."
    )
    parley_address_sessions: Whole = Field(
        default=50,
        ge=0,
        le=100_000,
        description="Conversations that one address may have at once, this machine aside; 0: any "
        "number.",
    )
    parley_address_handshakes: Number = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Requests and connections per second of one address; 0: any number.",
    )
    parley_address_bytes: Whole = Field(
        default=2_000_000,
        ge=0,
        le=1_000_000_000,
        description="Bytes per second that are read of one address; who sends more waits; 0: any "
        "number.",
    )
    parley_address_audio_s: Seconds = Field(
        default=0,
        ge=0,
        le=10_000_000,
        description="Seconds of speech per hour that are transcribed for one address; 0: any.",
    )
    parley_address_characters: Characters = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Characters per hour that are spoken for one address; 0: any number.",
    )
    parley_address_requests: Whole = Field(
        default=0,
        ge=0,
        le=1_000_000_000,
        description="Requests per hour to services with a price for one address; 0: any number.",
    )
    parley_store_url: StoreUrl = Field(
        default=None,
        description="The Valkey or Redis in which servers keep what they share; unset: each is "
        "alone. See docs/CLUSTER.md.",
    )
    parley_store_ca: str | None = Field(
        default=None,
        min_length=1,
        description="Certificates that its certificate may be signed by, a PEM file; unset: those "
        "of the system.",
    )
    parley_node: NodeName = Field(
        default=None,
        description="The name of this server among others, each another one; unset: one is made.",
    )
    parley_advertise: BaseUrl = Field(
        default=None,
        description="The URL at which other servers reach what is for administration here.",
    )
    parley_shared_key: OwnToken = Field(
        default=None,
        description="The key by which servers know each other's tickets, the same for all; unset: "
        "one is made and kept in the store.",
    )
    stream_upload_mb: Megabytes = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Largest recording that /v1/audio/transcriptions takes; it waits in a file.",
    )
    stream_upload_s: Seconds = Field(
        default=14_400,
        ge=1,
        le=86_400,
        description="Longest recording that it takes, in seconds of sound.",
    )

    # Hearing
    stream_vad_engine: VadEngineChoice = Field(
        default="auto",
        description="Which detector says what is speech; auto is silero where its model can be "
        "run, else webrtc.",
    )
    vad_engine: OwnVadEngineChoice = Field(
        default="same",
        description="Which detector hears on /stream; same is that of STREAM_VAD_ENGINE.",
    )
    parley_engine_vad: OwnVadEngineChoice = Field(
        default="same",
        description="Which detector hears on /engine; same is that of STREAM_VAD_ENGINE.",
    )
    stream_vad_aggressiveness: Whole = Field(
        default=2, ge=0, le=3, description="How readily webrtc takes sound for noise; 3 the most."
    )
    stream_vad_threshold: Number = Field(
        default=0.5,
        ge=0.05,
        le=0.95,
        description="Probability from which silero takes a sound for speech.",
    )
    stream_vad_silence_ms: Milliseconds = Field(
        default=700, ge=300, le=2000, description="Silence ending an utterance, except on /stream."
    )
    vad_silence_duration_ms: Milliseconds = Field(
        default=700, ge=300, le=2000, description="Silence ending an utterance on /stream."
    )
    vad_speech_pad_ms: Milliseconds = Field(
        default=300, ge=0, le=2000, description="Audio before the onset kept with the utterance."
    )
    vad_energy_threshold: Number = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Level (RMS, full scale is 1) above which the energy detector hears speech.",
    )
    vad_sensitivity: Number = Field(
        default=0.6,
        ge=0,
        le=1,
        description="How little the newspeech detector wants above the noise; 1 nothing, 0 20 dB.",
    )
    stream_turn_engine: TurnEngineChoice = Field(
        default="auto",
        description="What decides when a turn is over; auto is text where STREAM_LANGUAGE has a "
        "table or is auto, else fixed: the silence alone.",
    )
    stream_turn_pause_ms: Milliseconds = Field(
        default=150, ge=60, le=1000, description="Silence at which that engine is asked."
    )
    stream_turn_floor_ms: Milliseconds = Field(
        default=200,
        ge=100,
        le=2000,
        description="Silence ending a turn that is certainly over; where nobody knows it is "
        "STREAM_VAD_SILENCE_MS.",
    )
    stream_turn_ceiling_ms: Milliseconds = Field(
        default=2000,
        ge=300,
        le=10_000,
        description="Silence ending a turn that is certainly not over.",
    )
    stream_turn_learns: bool = Field(
        default=True,
        description="Whether a session learns the speaker's pauses and backs off after answers "
        "that came too soon; never with the engine fixed.",
    )
    stream_turn_back_off: Number = Field(
        default=0.6,
        ge=0,
        le=5,
        description="Evidence in log-odds that an end needs more after each answer that the person "
        "went on after: some 200 ms of silence each; 0 never backs off.",
    )
    stream_turn_back_off_most: Number = Field(
        default=2.0, ge=0, le=10, description="The most of that; the ceiling bounds it, too."
    )
    stream_turn_recovery: Number = Field(
        default=0.5,
        ge=0,
        le=1,
        description="What is left of that after each answer that was listened to; 1 never forgets.",
    )
    stream_turn_take_back_ms: Milliseconds = Field(
        default=1000,
        ge=0,
        le=5000,
        description="An answer of which less was heard when the person goes on never was; 0: none.",
    )
    stream_turn_unfinished: UnfinishedChoice = Field(
        default="answer",
        description="What follows words that want more (I need a) and the long silence behind "
        "them: answer, ask (STREAM_TURN_ASKS), or wait for what is said next.",
    )
    stream_turn_asks: str = Field(
        default="Yes?", min_length=1, max_length=100, description="What ask says."
    )
    stream_turn_model: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the model of smart-turn, an .onnx file; unset is the one of "
        "`parley models pull smart-turn`.",
    )
    stream_onset_ms: Milliseconds = Field(
        default=90, ge=10, le=1000, description="Speech it takes until an utterance starts."
    )
    stream_min_speech_ms: Milliseconds = Field(
        default=300, ge=60, le=2000, description="Speech during a reply that makes it a barge-in."
    )
    stream_backchannels: bool = Field(
        default=True,
        description='Whether "mm-hmm", "yeah" and the like leave a reply uninterrupted.',
    )
    stream_interrupt_min_words: Whole = Field(
        default=0,
        ge=0,
        le=20,
        description='Words that it takes to interrupt a reply, unless they are "stop" or the like; '
        "0: any.",
    )
    stream_silence_ask_s: Seconds = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds of silence with an open microphone until Parley asks whether somebody "
        "is there; 0: never.",
    )
    stream_silence_question: Blank = Field(
        default="auto",
        max_length=1000,
        description="What it asks; auto is a sentence in STREAM_LANGUAGE, and see "
        "STREAM_FAILURE_SENTENCE.",
    )
    stream_silence_end_s: Seconds = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds of silence after that question, or without one, until Parley ends the "
        "call; 0: never.",
    )
    stream_silence_goodbye: Blank = Field(
        default="auto",
        max_length=1000,
        description="What it says before; as STREAM_SILENCE_QUESTION.",
    )
    stream_max_utterance_ms: Milliseconds = Field(
        default=30_000, ge=1000, le=120_000, description="Longest utterance; it is finalized there."
    )
    stream_partial_interval_ms: Milliseconds = Field(
        default=1000, ge=250, le=3000, description="Audio between two partial transcripts."
    )
    stream_partial_min_gap_ms: Milliseconds = Field(
        default=100, ge=20, le=3000, description="Shortest time between two partial transcripts."
    )

    # Transcribing
    stream_asr_engine: AsrEngineChoice = Field(
        default="auto",
        description="Which engine transcribes; auto takes the best that is installed, "
        "never a service.",
    )
    stream_moonshine_model: str | None = Field(
        default=None,
        description="Folder of a Moonshine model; unset is the one of `parley models pull`.",
    )
    stream_model_whisper: str = Field(
        default="small-int8", min_length=1, description="Whisper model, by name or folder."
    )
    stream_model_download: bool = Field(
        default=False,
        description="Whether serve may download the Whisper model that is named.",
    )
    parley_models_dir: str | None = Field(
        default=None,
        description="Folder of models; unset is parley/models in the user's cache folder.",
    )
    stream_whisper_beam: Whole = Field(
        default=5, ge=1, le=10, description="Beam of Whisper's final pass; partials are greedy."
    )
    stream_whisper_threads: Whole = Field(
        default=0,
        ge=0,
        le=64,
        description="Threads of a Whisper lane; 0 shares the cores among the lanes.",
    )
    stream_language: Language = Field(
        default="en",
        description="Language that is spoken, if an engine knows several; auto lets it find out.",
    )
    stream_languages: Languages = Field(
        default=None,
        description="Languages that auto chooses from; unset: any that the recognizer knows.",
    )
    stream_asr_timeout_s: Seconds = Field(
        default=10.0, ge=1, le=120, description="Seconds one transcription may take."
    )
    stream_asr_lanes: Whole = Field(
        default=2, ge=1, le=32, description="Worker processes that transcribe."
    )
    openai_asr_model: str = Field(
        default="whisper-1", min_length=1, description="Model that the openai engine hears with."
    )
    openai_asr_partials: bool = Field(
        default=False,
        description="Whether the openai engine is asked for partials too; each costs like a final.",
    )
    openai_asr_base_url: BaseUrls = Field(
        default=None,
        repr=False,
        description="Base URL of a server that transcribes, if not that of OPENAI_BASE_URL; or of "
        "several, a pool.",
    )
    openai_asr_api_key: ApiKey = Field(
        default=None,
        description="Key for this engine alone; OPENAI_ASR_BASE_URL is sent no other. Secret.",
    )

    # Answering
    stream_llm_engine: LlmEngineChoice = Field(
        default="auto",
        description=(
            "Which engine answers; auto is gguf when STREAM_GGUF_MODEL is set, openai when "
            "OPENAI_API_KEY or OPENAI_BASE_URL is, else a model server on this machine, and local "
            "while there is none."
        ),
    )
    stream_gguf_model: str | None = Field(
        default=None,
        min_length=1,
        description="Path of a language model, a .gguf file, for a process of Parley's own.",
    )
    openai_api_key: ApiKey = Field(
        default=None,
        description="Key for the API; of a pool one for all, or one for each with commas between "
        "them. Secret.",
    )
    openai_base_url: BaseUrls = Field(
        default=None,
        repr=False,
        description="Base URL of an OpenAI-compatible API, if not OpenAI's own; or of several, a "
        "pool.",
    )
    openai_model: str = Field(
        default="gpt-3.5-turbo", min_length=1, description="Model that answers."
    )
    openai_max_tokens: Tokens = Field(
        default=150, ge=1, le=32_768, description="Longest reply, in tokens."
    )
    openai_temperature: Number = Field(
        default=0.7, ge=0, le=2, description="Randomness of the reply; 0 the least."
    )
    openai_fallback_model: str | None = Field(
        default=None,
        min_length=1,
        description="Model that is asked where the first one failed before its first word; unset, "
        "with one of the next two: that of OPENAI_MODEL.",
    )
    openai_fallback_base_url: BaseUrls = Field(
        default=None,
        repr=False,
        description="Base URL of the server that is asked then, if not that of OPENAI_BASE_URL; or "
        "of several, a pool.",
    )
    openai_fallback_api_key: ApiKey = Field(
        default=None,
        description="Key for it; OPENAI_FALLBACK_BASE_URL is sent no other. Secret.",
    )
    stream_failure_sentence: Blank = Field(
        default="auto",
        max_length=1000,
        description="What is said aloud where no answer could be made: auto is a sentence in "
        "STREAM_LANGUAGE (en, de, es, fr), empty nothing; or a sentence, or one per language: "
        "en: Sorry? / de: Wie bitte?",
    )
    stream_llm_timeout_s: Seconds = Field(
        default=30.0, ge=1, le=600, description="Seconds a whole reply may take."
    )
    stream_llm_first_token_s: Seconds = Field(
        default=5.0, ge=0.1, le=60, description="Seconds until the first token must have come."
    )
    stream_llm_gap_s: Seconds = Field(
        default=4.0, ge=0.1, le=60, description="Longest pause between two tokens, in seconds."
    )
    stream_llm_first_word_s: Seconds = Field(
        default=60.0,
        ge=0.1,
        le=600,
        description="Seconds until the first word of a model that shows that it is thinking; they "
        "do not count as the reply's.",
    )
    stream_llm_retries: Whole = Field(
        default=1, ge=0, le=5, description="Further attempts while nothing of the reply was spoken."
    )
    stream_speculations: Whole = Field(
        default=2,
        ge=0,
        le=20,
        description="Replies begun for one utterance before its end is certain; each may be a "
        "request in vain; 0 begins none.",
    )
    stream_system_prompt: Blank = Field(
        default=SYSTEM_PROMPT,
        max_length=100_000,
        description="What the model is told before the conversation; empty: nothing.",
    )
    stream_greeting: Blank = Field(
        default="",
        max_length=10_000,
        description="What Parley says first in each conversation; empty: nothing. {{name}} stands "
        "for a parameter of the call, here and in STREAM_SYSTEM_PROMPT.",
    )
    stream_greeting_interruptible: bool = Field(
        default=True, description="Whether the person may speak over the greeting."
    )
    stream_mcp_servers: McpServers = Field(
        default=None,
        repr=False,
        description="MCP servers whose tools the model may call, with semicolons between them: "
        "commands (uvx mcp-server-time) or http addresses; name=… before one gives it a name.",
    )
    stream_tool_timeout_s: Seconds = Field(
        default=20.0, ge=0.1, le=600, description="Seconds a tool may take that says nothing else."
    )
    stream_tool_rounds: Whole = Field(
        default=5,
        ge=1,
        le=50,
        description="How often the model may call tools for one reply; then it has to answer.",
    )
    stream_tool_filler: Blank = Field(
        default="auto",
        max_length=1000,
        description="What is said while a tool is slow and nothing else was; as "
        "STREAM_FAILURE_SENTENCE; empty: nothing.",
    )
    stream_tool_filler_s: Seconds = Field(
        default=2.0, ge=0, le=60, description="Seconds that a tool takes until that is said."
    )
    stream_language_note: bool = Field(
        default=True,
        description="Whether the model is told which language the person speaks, where it is not "
        "English alone.",
    )
    stream_memory_turns: Whole = Field(
        default=10, ge=0, le=100, description="Turns of the conversation that the model is shown."
    )
    stream_interruption_mark: Blank = Field(
        default="… [interrupted]",
        max_length=200,
        description="What the model sees behind the last word that was heard of a reply that was "
        "interrupted; empty: nothing.",
    )

    # Speaking
    stream_tts_engine: TtsEngineChoice = Field(
        default="auto",
        description="Which engine speaks; auto is piper where it is installed and has its voice, "
        "else pyttsx3.",
    )
    stream_tts_voice: str | None = Field(
        default=None,
        description="Voice of pyttsx3, as espeak calls it: de, en-us, en-us+f3; unset: that of "
        "STREAM_LANGUAGE.",
    )
    stream_voices: Voices = Field(
        default=None,
        description="Voices of languages: paths of piper's, names of Kokoro's or eSpeak's, or the "
        "service's of the openai engine.",
    )
    stream_tts_rate_wpm: WordsPerMinute = Field(
        default=200, ge=80, le=450, description="How fast pyttsx3 speaks."
    )
    stream_tts_volume: Number = Field(
        default=1.0, ge=0, le=1, description="How loud pyttsx3 and piper speak; 1 the most."
    )
    stream_piper_voice: str | None = Field(
        default=None,
        description="Path of piper's voice, an .onnx file with its .onnx.json beside it; unset is "
        "the one of `parley models pull joe`.",
    )
    stream_kokoro_model: str | None = Field(
        default=None, min_length=1, description="Path of Kokoro's model, an .onnx file."
    )
    stream_kokoro_voices: str | None = Field(
        default=None,
        min_length=1,
        description="Path of Kokoro's voices: voices-v1.0.bin, or a folder of .bin files.",
    )
    stream_kokoro_voice: str = Field(
        default="af_heart", min_length=1, description="Voice of Kokoro, by its name."
    )
    openai_tts_model: str = Field(
        default="tts-1", min_length=1, description="Model that the openai engine speaks with."
    )
    openai_tts_voice: str = Field(
        default="alloy", min_length=1, description="Voice of the openai engine."
    )
    openai_tts_captions: bool = Field(
        default=False,
        description="Ask /dev/captioned_speech, as Kokoro-FastAPI has it, for the times of words.",
    )
    openai_tts_base_url: BaseUrls = Field(
        default=None,
        repr=False,
        description="Base URL of a server that speaks, if not that of OPENAI_BASE_URL; or of "
        "several, a pool.",
    )
    openai_tts_api_key: ApiKey = Field(
        default=None,
        description="Key for this engine alone; OPENAI_TTS_BASE_URL is sent no other. Secret.",
    )
    stream_tts_thread_workers: Whole = Field(
        default=2, ge=1, le=32, description="Worker processes that synthesize."
    )
    stream_tts_timeout_s: Seconds = Field(
        default=10.0, ge=0.1, le=120, description="Seconds the synthesis of one phrase may take."
    )
    stream_phrases: PhrasesChoice = Field(
        default="auto",
        description="What is spoken at once: sentences, or short phrases as /ws documents them.",
    )
    stream_max_sentence_length: Characters = Field(
        default=240,
        ge=60,
        le=1000,
        description="Characters after which a sentence is cut, where sentences are the phrases.",
    )
    stream_speech_tables: SpeechTables = Field(
        default=None,
        description="File with abbreviations, units and words of your own, by language.",
    )
    stream_tts_max_phrase_length: Characters = Field(
        default=60, ge=20, le=500, description="Characters after which a short phrase is cut."
    )
    stream_first_phrase_chars: Characters = Field(
        default=12,
        ge=0,
        le=100,
        description="Characters after which a reply's first phrase ends with a clause; 0 is never.",
    )
    stream_tts_phrase_gap_ms: Milliseconds = Field(
        default=700,
        ge=100,
        le=5000,
        description="Pause between two tokens that ends a short phrase.",
    )
    stream_max_pending_phrases: Whole = Field(
        default=5, ge=1, le=100, description="Phrases waiting for synthesis; then the reply waits."
    )
    stream_reply_lead_ms: Milliseconds = Field(
        default=1000,
        ge=100,
        le=60_000,
        description="How far ahead of playback reply audio is sent.",
    )

    # Framing
    audio_sample_rate: SampleRate = Field(
        default=16_000, description="Sample rate of audio on /stream."
    )
    audio_channels: Whole = Field(default=1, ge=1, le=1, description="Audio channels; mono only.")
    audio_chunk_ms: Milliseconds = Field(
        default=100, ge=10, le=1000, description="Length of a chunk of audio on /stream."
    )
    stream_pcm_chunk_size: Samples = Field(
        default=5120,
        ge=160,
        le=32_768,
        description="Samples per frame that clients of /ws should send.",
    )

    # Backpressure
    stream_backpressure_threshold: Whole = Field(
        default=50, ge=1, le=200, description="Messages queued until partials are thinned."
    )
    stream_backpressure_skip_frames: Whole = Field(
        default=3, ge=1, le=100, description="While thinned, every n-th partial transcript is sent."
    )

    # Observing
    stream_log_level: LogLevelChoice = Field(
        default="info", description="Least severe level logged."
    )
    stream_log_format: LogFormatChoice = Field(
        default="auto",
        description="Shape of the log; auto is console on a terminal, else json, and tells people "
        "on standard output where to go.",
    )
    stream_log_latency: bool = Field(
        default=True, description="Whether each reply's latencies are logged."
    )
    stream_log_transcripts: bool = Field(
        default=False, description="Whether the log and /sessions may hold what was said."
    )

    parley_traces: bool = Field(
        default=False,
        description="Whether each turn is traced by OpenTelemetry, whose own variables say where "
        "to (docs/TRACES.md).",
    )

    # Recording
    stream_record_dir: str | None = Field(
        default=None,
        min_length=1,
        description="Folder that sessions are recorded into; unset records none.",
    )
    stream_record_archive: ArchiveUrl = Field(
        default=None,
        description="Where finished recordings are put, for all servers; unset: they stay in the "
        "folder (docs/RECORDING.md).",
    )
    stream_record_on_request: PermissionChoice = Field(
        default="auto",
        description="Whether a client may have its own session recorded and fetch the file, as the "
        "page at / does; auto is on where PARLEY_HOST is this machine alone.",
    )
    stream_record_share: Number = Field(
        default=1.0, ge=0, le=1, description="Share of the sessions that are recorded."
    )
    stream_record_audio: bool = Field(
        default=True, description="Whether recordings hold sound; without it they do not replay."
    )
    stream_record_text: bool = Field(
        default=True, description="Whether recordings hold words; without them they do not replay."
    )
    stream_record_keep_days: Days = Field(
        default=30.0, ge=0, le=3650, description="Age at which recordings are removed; 0 is never."
    )
    stream_record_keep_mb: Megabytes = Field(
        default=10_000,
        ge=0,
        le=100_000_000,
        description="Size of all recordings above which the oldest are removed; 0 is never.",
    )

    # Telephone
    parley_public_url: PublicUrl = Field(
        default=None,
        description="Base URL by which telephone services reach this server; the addresses that "
        "they are given and what they sign begin with it.",
    )
    parley_telephone_stream_token: PathToken = Field(
        default=None,
        description="Lets a service in that signs nothing: the address of its WebSocket ends in "
        "/key- and this token. Secret.",
    )
    parley_telephone_user: User = Field(
        default="parley",
        description="User of services that send a name and a password: Asterisk, jambonz, "
        "FreeSWITCH and Exotel.",
    )
    parley_telephone_password: ApiKey = Field(
        default=None, description="Password of these services. Secret."
    )
    parley_telephone_open: Services = Field(
        default=None,
        description="Services that anybody who reaches the server may claim to be, where they have "
        "no secret; for tests and for closed networks.",
    )
    parley_telephone_token: ApiKey = Field(
        default=None,
        description="Token for POST /telephone/calls, by which calls are made; unset: nobody may. "
        "Secret.",
    )
    parley_telephone_number: PhoneNumber = Field(
        default=None, description="Number that calls are made from, where the request names none."
    )
    parley_twilio_account_sid: ApiKey = Field(
        default=None, description="Account at Twilio, AC and 32 characters. Not shown."
    )
    parley_twilio_auth_token: ApiKey = Field(
        default=None,
        description="Its auth token: by it requests of Twilio are known, and calls are ended, "
        "transferred and made. Secret.",
    )
    parley_twilio_shared_key: ApiKey = Field(
        default=None,
        description="Shared key of an account whose webhook rules sign with one. Secret.",
    )
    parley_twilio_base_url: BaseUrl = Field(
        default=None,
        description="Base URL of Twilio's API, if not the usual: that of an edge or a region.",
    )
    parley_signalwire_project_id: ApiKey = Field(
        default=None, description="Project at SignalWire. Not shown."
    )
    parley_signalwire_api_token: ApiKey = Field(
        default=None,
        description="Token of SignalWire's API: by it calls are ended, transferred and made. "
        "Secret.",
    )
    parley_signalwire_signing_key: ApiKey = Field(
        default=None,
        description="Signing key: by it requests of SignalWire are known. Secret.",
    )
    parley_signalwire_base_url: BaseUrl = Field(
        default=None, description="Base URL of the space at SignalWire."
    )
    parley_telnyx_api_key: ApiKey = Field(
        default=None,
        description="Key of Telnyx' API: by it calls are answered, ended, transferred and made. "
        "Secret.",
    )
    parley_telnyx_public_key: ApiKey = Field(
        default=None, description="Telnyx' public key: by it its webhooks are known. Not shown."
    )
    parley_telnyx_stream_token: ApiKey = Field(
        default=None,
        description="Token that Telnyx sends with a stream where it is told to: calls that Parley "
        "makes, and your own stream_auth_token. Secret.",
    )
    parley_telnyx_connection_id: ApiKey = Field(
        default=None,
        description="Voice API application at Telnyx that calls are made by. Not shown.",
    )
    parley_telnyx_base_url: BaseUrl = Field(
        default=None, description="Base URL of Telnyx' API, if not the usual."
    )
    parley_plivo_auth_id: ApiKey = Field(default=None, description="Account at Plivo. Not shown.")
    parley_plivo_auth_token: ApiKey = Field(
        default=None,
        description="Its auth token: by it requests of Plivo are known, and calls are ended, "
        "transferred and made. Secret.",
    )
    parley_plivo_base_url: BaseUrl = Field(
        default=None, description="Base URL of Plivo's API, if not the usual."
    )
    parley_vonage_application_id: ApiKey = Field(
        default=None, description="Application at Vonage. Not shown."
    )
    parley_vonage_private_key_file: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the application's private key, a PEM file: by it calls are ended, "
        "transferred and made.",
    )
    parley_vonage_signature_secret: ApiKey = Field(
        default=None,
        description="Signature secret of the account: by it requests of Vonage are known. Secret.",
    )
    parley_vonage_base_url: BaseUrl = Field(
        default=None, description="Base URL of Vonage's API, if not the usual."
    )
    parley_genesys_api_key: ApiKey = Field(
        default=None,
        description="API key of an AudioHook or an Audio Connector at Genesys. Secret.",
    )
    parley_genesys_client_secret: ApiKey = Field(
        default=None,
        description="Its client secret in base64, by which Genesys signs. Secret.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the arguments only. The stock sources fail one by one and forget the origin."""
        return (init_settings,)
