"""The settings object: all variables, frozen, with a slice for each part of the server.

Made once at start by load_settings (load.py), or directly with defaults, as tests do. Bad values
raise pydantic's ValidationError here; load_settings turns them into one SettingsError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from pydantic import PrivateAttr, SecretStr

from ..addresses import is_loopback
from ..conversation.languages import languages_of
from ..protocol.telephone.names import TELEPHONE
from .kinds import (
    OwnVadEngine,
    VadEngine,
    hosts_of,
    is_secret,
    may_hold_credentials,
    networks_of,
    origins_of,
    voices_of,
    without_credentials,
)
from .limits import Limits
from .mcp_servers import mcp_servers_of
from .slices import (
    Acting,
    Admitting,
    Answering,
    Backpressure,
    Carriers,
    Clustering,
    Fallback,
    Framing,
    Hearing,
    Load,
    Observing,
    Recording,
    Serving,
    Silence,
    Speaking,
    Telephone,
    Transcribing,
    Turning,
)
from .telephone_kinds import services_of
from .variables import Variables

TELEPHONE_THRESHOLD = 0.3
"""From which probability on Silero's verdict on the sound of a telephone is speech. It is less sure
there: at 0.5 it hears 83 % of what it hears of the same speech in wide band, at 0.3 it hears 93 %
and takes 2 % of the pauses for speech."""


class Settings(Variables):
    """Everything that can be set. `Settings()` is all defaults and reads nothing."""

    _warnings: tuple[str, ...] = PrivateAttr(())
    _origins: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def defaults(cls, **overrides: object) -> Settings:
        """The defaults with some fields changed, validated; reads no environment."""
        return cls.model_validate(overrides)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What loading found odd but harmless, one line each: unknown variables, mostly."""
        return self._warnings

    @property
    def origins(self) -> Mapping[str, str]:
        """Variable to where its value was found; those that have their default are missing."""
        return self._origins

    def with_warnings(
        self, warnings: Iterable[str], origins: Mapping[str, str] | None = None
    ) -> Settings:
        """The same settings with these warnings, and with where their values were found."""
        noted = self.model_copy()
        noted._warnings = tuple(warnings)
        noted._origins = dict(origins or {})
        return noted

    def public(self) -> dict[str, str | int | float | bool | None]:
        """A snapshot that may be served: JSON-safe, without secrets and credentials.

        A secret `x` is left out; `x_set` says whether there is one.
        """
        snapshot: dict[str, str | int | float | bool | None] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if is_secret(field):
                snapshot[f"{name}_set"] = value is not None
            elif value is not None and may_hold_credentials(field):
                snapshot[name] = without_credentials(value)
            else:
                snapshot[name] = value
        return snapshot

    @property
    def llm_engine(self) -> Literal["openai", "gguf", "found", "local"]:
        """The engine that answers, with `auto` decided: "found" looks for a model server."""
        if self.stream_llm_engine != "auto":
            return self.stream_llm_engine
        if self.stream_gguf_model is not None:
            return "gguf"
        configured = self.openai_api_key is not None or self.openai_base_url is not None
        return "openai" if configured else "found"

    def _key_for(self, base_url: str | None, api_key: SecretStr | None) -> SecretStr | None:
        """The key of a server: OPENAI_API_KEY goes to OPENAI_BASE_URL (or OpenAI) and nowhere
        else, so a server with a base URL of its own has a key of its own, or none."""
        return api_key if api_key is not None or base_url is not None else self.openai_api_key

    @property
    def hearing(self) -> Hearing:
        """Hearing on `/ws`, and on the other endpoints but for what they have of their own."""
        return Hearing(
            vad_engine=self.stream_vad_engine,
            vad_aggressiveness=self.stream_vad_aggressiveness,
            threshold=self.stream_vad_threshold,
            silence_ms=self.stream_vad_silence_ms,
            min_speech_ms=self.stream_min_speech_ms,
            speech_pad_ms=self.vad_speech_pad_ms,
            onset_ms=self.stream_onset_ms,
            max_utterance_ms=self.stream_max_utterance_ms,
            partial_interval_ms=self.stream_partial_interval_ms,
            partial_min_gap_ms=self.stream_partial_min_gap_ms,
            energy_threshold=self.vad_energy_threshold,
            sensitivity=self.vad_sensitivity,
            pause_ms=self.stream_turn_pause_ms,
            floor_ms=self.stream_turn_floor_ms,
            ceiling_ms=self.stream_turn_ceiling_ms,
        )

    def hearing_for(self, dialect: str, *, telephone: bool = False) -> Hearing:
        """The slice for a dialect by its profile's name. `telephone`: what its profile says."""
        if telephone or dialect in TELEPHONE:
            return self.hearing_telephone
        own = {"io-speech": self.hearing_io_speech, "newspeech": self.hearing_newspeech}
        return own.get(dialect, self.hearing)

    @property
    def hearing_telephone(self) -> Hearing:
        """Hearing on a telephone line. STREAM_VAD_THRESHOLD counts where somebody has set it."""
        chosen = "stream_vad_threshold" in self.model_fields_set
        return replace(
            self.hearing,
            threshold=self.stream_vad_threshold if chosen else TELEPHONE_THRESHOLD,
            narrow_band=True,
        )

    @property
    def hearing_io_speech(self) -> Hearing:
        """Hearing on `/stream`: a detector and a window of silence of its own."""
        return replace(
            self.hearing,
            vad_engine=self._decided(self.vad_engine),
            silence_ms=self.vad_silence_duration_ms,
        )

    @property
    def hearing_newspeech(self) -> Hearing:
        """Hearing on `/engine`: a detector of its own."""
        return replace(self.hearing, vad_engine=self._decided(self.parley_engine_vad))

    def _decided(self, own: OwnVadEngine) -> VadEngine:
        return self.stream_vad_engine if own == "same" else own

    @property
    def turning(self) -> Turning:
        return Turning(
            engine=self.stream_turn_engine,
            language=self.stream_language,
            model=self.stream_turn_model,
            models_dir=self.parley_models_dir,
            backchannels=self.stream_backchannels,
            learns=self.stream_turn_learns and self.stream_turn_engine != "fixed",
            back_off=self.stream_turn_back_off,
            back_off_most=self.stream_turn_back_off_most,
            recovery=self.stream_turn_recovery,
            take_back_ms=self.stream_turn_take_back_ms,
            min_words=self.stream_interrupt_min_words,
            unfinished=self.stream_turn_unfinished,
            asks=self.stream_turn_asks,
        )

    @property
    def transcribing(self) -> Transcribing:
        return Transcribing(
            engine=self.stream_asr_engine,
            moonshine_model=self.stream_moonshine_model,
            whisper_model=self.stream_model_whisper,
            may_download=self.stream_model_download,
            models_dir=self.parley_models_dir,
            language=self.stream_language,
            languages=languages_of(self.stream_languages or ""),
            beam=self.stream_whisper_beam,
            threads=self.stream_whisper_threads,
            timeout_s=self.stream_asr_timeout_s,
            lanes=self.stream_asr_lanes,
            model=self.openai_asr_model,
            partials=self.openai_asr_partials,
            base_url=self.openai_asr_base_url or self.openai_base_url,
            api_key=self._key_for(self.openai_asr_base_url, self.openai_asr_api_key),
        )

    @property
    def fallback(self) -> Fallback:
        """Any of its three variables names it."""
        model, base_url = self.openai_fallback_model, self.openai_fallback_base_url
        named = model or base_url or self.openai_fallback_api_key
        return Fallback(
            model=(model or self.openai_model) if named else None,
            base_url=base_url or self.openai_base_url,
            api_key=self._key_for(base_url, self.openai_fallback_api_key),
        )

    @property
    def answering(self) -> Answering:
        return Answering(
            engine=self.llm_engine,
            model=self.openai_model,
            named_model=self.openai_model if "openai_model" in self.model_fields_set else None,
            gguf=self.stream_gguf_model,
            own_port=self.parley_port,
            own_engine_port=self.parley_engine_port,
            max_tokens=self.openai_max_tokens,
            temperature=self.openai_temperature,
            base_url=self.openai_base_url,
            api_key=self.openai_api_key,
            timeout_s=self.stream_llm_timeout_s,
            first_token_timeout_s=self.stream_llm_first_token_s,
            first_word_timeout_s=self.stream_llm_first_word_s,
            failure_sentence=self.stream_failure_sentence,
            language=self.stream_language,
            gap_timeout_s=self.stream_llm_gap_s,
            system_prompt=self.stream_system_prompt,
            language_note=self.stream_language_note,
            memory_turns=self.stream_memory_turns,
            interruption_mark=self.stream_interruption_mark,
            retries=self.stream_llm_retries,
            speculations=self.stream_speculations,
            tool_rounds=self.stream_tool_rounds,
        )

    @property
    def silence(self) -> Silence:
        return Silence(
            ask_after_s=self.stream_silence_ask_s,
            question=self.stream_silence_question,
            end_after_s=self.stream_silence_end_s,
            goodbye=self.stream_silence_goodbye,
        )

    @property
    def acting(self) -> Acting:
        return Acting(
            system_prompt=self.stream_system_prompt,
            greeting=self.stream_greeting,
            greeting_interruptible=self.stream_greeting_interruptible,
            mcp_servers=mcp_servers_of(self.stream_mcp_servers),
            tool_timeout_s=self.stream_tool_timeout_s,
            tool_filler=self.stream_tool_filler,
            tool_filler_s=self.stream_tool_filler_s,
            language=self.stream_language,
            tables=self.stream_speech_tables,
        )

    @property
    def speaking(self) -> Speaking:
        return Speaking(
            engine=self.stream_tts_engine,
            voice=self.stream_tts_voice,
            rate_wpm=self.stream_tts_rate_wpm,
            volume=self.stream_tts_volume,
            piper_voice=self.stream_piper_voice,
            kokoro_model=self.stream_kokoro_model,
            kokoro_voices=self.stream_kokoro_voices,
            kokoro_voice=self.stream_kokoro_voice,
            models_dir=self.parley_models_dir,
            language=self.stream_language,
            voices=voices_of(self.stream_voices),
            model=self.openai_tts_model,
            model_voice=self.openai_tts_voice,
            captions=self.openai_tts_captions,
            base_url=self.openai_tts_base_url or self.openai_base_url,
            api_key=self._key_for(self.openai_tts_base_url, self.openai_tts_api_key),
            workers=self.stream_tts_thread_workers,
            timeout_s=self.stream_tts_timeout_s,
            phrases=self.stream_phrases,
            tables=self.stream_speech_tables,
            max_sentence_chars=self.stream_max_sentence_length,
            max_phrase_chars=self.stream_tts_max_phrase_length,
            first_phrase_chars=self.stream_first_phrase_chars,
            phrase_gap_ms=self.stream_tts_phrase_gap_ms,
            max_pending_phrases=self.stream_max_pending_phrases,
            reply_lead_ms=self.stream_reply_lead_ms,
        )

    @property
    def serving(self) -> Serving:
        return Serving(
            host=self.parley_host,
            port=self.parley_port,
            engine_port=self.parley_engine_port,
            audiosocket_port=self.parley_audiosocket_port,
            workers=self.parley_workers,
            max_connections=self.ws_max_connections,
            ping_interval_s=self.ws_ping_interval,
            ping_timeout_s=self.ws_ping_timeout,
            idle_timeout_s=self.ws_idle_timeout,
            drain_s=self.stream_drain_s,
            send_stall_s=self.stream_send_stall_s,
            resume_s=self.parley_resume_s,
            upload_mb=self.stream_upload_mb,
            upload_s=self.stream_upload_s,
            agent_host=self.parley_agent_host,
            agent_port=self.parley_agent_port,
        )

    @property
    def load(self) -> Load:
        return Load(
            loop_lag_ms=self.stream_max_loop_lag_ms,
            cpu_share=self.stream_max_cpu_share,
            lane_wait_ms=self.stream_max_lane_wait_ms,
            talking_share=self.stream_max_talking_share,
        )

    @property
    def admitting(self) -> Admitting:
        return Admitting(
            host=self.parley_host,
            insecure=self.parley_insecure,
            token=self.parley_token,
            tokens_file=self.parley_tokens_file,
            admin_token=self.parley_admin_token,
            admin_host=self.parley_admin_host,
            admin_port=self.parley_admin_port,
            hosts=hosts_of(self.parley_hosts),
            pages=origins_of(self.stream_cors_origins),
            proxies=networks_of(self.parley_trusted_proxies),
            tls_cert=self.parley_tls_cert,
            tls_key=self.parley_tls_key,
        )

    @property
    def address_limits(self) -> Limits:
        return Limits(
            sessions=self.parley_address_sessions,
            handshakes_per_s=self.parley_address_handshakes,
            bytes_per_s=self.parley_address_bytes,
            audio_s_per_hour=self.parley_address_audio_s,
            characters_per_hour=self.parley_address_characters,
            requests_per_hour=self.parley_address_requests,
        )

    @property
    def clustering(self) -> Clustering:
        return Clustering(
            store_url=self.parley_store_url,
            store_ca=self.parley_store_ca,
            node=self.parley_node,
            advertise=self.parley_advertise,
            shared_key=self.parley_shared_key,
        )

    @property
    def framing(self) -> Framing:
        return Framing(
            rate_hz=self.audio_sample_rate,
            channels=self.audio_channels,
            chunk_ms=self.audio_chunk_ms,
            pcm_chunk_samples=self.stream_pcm_chunk_size,
        )

    @property
    def backpressure(self) -> Backpressure:
        return Backpressure(
            threshold=self.stream_backpressure_threshold,
            skip_frames=self.stream_backpressure_skip_frames,
        )

    @property
    def observing(self) -> Observing:
        return Observing(
            log_level=self.stream_log_level,
            log_format=self.stream_log_format,
            log_latency=self.stream_log_latency,
            log_transcripts=self.stream_log_transcripts,
            traces=self.parley_traces,
        )

    def _record_on_request(self) -> bool:
        if self.stream_record_on_request != "auto":
            return self.stream_record_on_request == "on"
        return is_loopback(self.parley_host)

    @property
    def recording(self) -> Recording:
        return Recording(
            folder=self.stream_record_dir,
            archive=self.stream_record_archive,
            on_request=self._record_on_request(),
            share=self.stream_record_share,
            audio=self.stream_record_audio,
            text=self.stream_record_text,
            keep_days=self.stream_record_keep_days,
            keep_mb=self.stream_record_keep_mb,
        )

    @property
    def telephone(self) -> Telephone:
        return Telephone(
            public_url=self.parley_public_url,
            stream_token=self.parley_telephone_stream_token,
            user=self.parley_telephone_user,
            password=self.parley_telephone_password,
            open=services_of(self.parley_telephone_open),
            token=self.parley_telephone_token,
            number=self.parley_telephone_number,
            host=self.parley_host,
        )

    @property
    def carriers(self) -> Carriers:
        return Carriers(
            twilio_account_sid=self.parley_twilio_account_sid,
            twilio_auth_token=self.parley_twilio_auth_token,
            twilio_shared_key=self.parley_twilio_shared_key,
            twilio_base_url=self.parley_twilio_base_url,
            signalwire_project_id=self.parley_signalwire_project_id,
            signalwire_api_token=self.parley_signalwire_api_token,
            signalwire_signing_key=self.parley_signalwire_signing_key,
            signalwire_base_url=self.parley_signalwire_base_url,
            telnyx_api_key=self.parley_telnyx_api_key,
            telnyx_public_key=self.parley_telnyx_public_key,
            telnyx_stream_token=self.parley_telnyx_stream_token,
            telnyx_connection_id=self.parley_telnyx_connection_id,
            telnyx_base_url=self.parley_telnyx_base_url,
            plivo_auth_id=self.parley_plivo_auth_id,
            plivo_auth_token=self.parley_plivo_auth_token,
            plivo_base_url=self.parley_plivo_base_url,
            vonage_application_id=self.parley_vonage_application_id,
            vonage_private_key_file=self.parley_vonage_private_key_file,
            vonage_signature_secret=self.parley_vonage_signature_secret,
            vonage_base_url=self.parley_vonage_base_url,
            genesys_api_key=self.parley_genesys_api_key,
            genesys_client_secret=self.parley_genesys_client_secret,
        )
