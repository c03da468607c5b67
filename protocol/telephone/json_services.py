"""The table of the services that speak JSON. Source: wire facts of the telephone, 1 to 3, 10."""

from __future__ import annotations

from dataclasses import replace

from .media_json import JsonService
from .profile import telephone_profile

TWILIO = JsonService(
    name="twilio",
    profile=telephone_profile("twilio"),
    id_field="twilio_id",
    id_out="streamSid",
    id_path=("start", "streamSid"),
    call_path=("start", "callSid"),
    account_path=("start", "accountSid"),
    parameters_path=("start", "customParameters"),
    coding_path=("start", "mediaFormat", "encoding"),
    rate_path=("start", "mediaFormat", "sampleRate"),
)

SIGNALWIRE = replace(TWILIO, name="signalwire", profile=telephone_profile("signalwire"))

TELNYX = JsonService(
    name="telnyx",
    profile=telephone_profile("telnyx"),
    id_field="stream_id",
    id_path=("stream_id",),
    call_path=("start", "call_control_id"),
    account_path=("start", "user_id"),
    caller_path=("start", "from"),
    called_path=("start", "to"),
    parameters_path=("start", "custom_parameters"),
    coding_path=("start", "media_format", "encoding"),
    rate_path=("start", "media_format", "sample_rate"),
    big_endian=True,
    ordered=False,
)

PLIVO = JsonService(
    name="plivo",
    profile=telephone_profile("plivo"),
    id_field="plivo_id",
    id_out="streamId",
    id_path=("start", "streamId"),
    call_path=("start", "callId"),
    account_path=("start", "accountId"),
    parameters_path=("extra_headers",),
    coding_path=("start", "mediaFormat", "encoding"),
    rate_path=("start", "mediaFormat", "sampleRate"),
    media_out="playAudio",
    tells_format=True,
    mark_out="checkpoint",
    mark_in="playedStream",
    mark_named_in="",
    clear_out="clearAudio",
    cleared_in="clearedAudio",
    digits_out="sendDTMF",
)

EXOTEL = JsonService(
    name="exotel",
    profile=telephone_profile("exotel"),
    id_field="stream_sid",
    id_out="stream_sid",
    id_path=("start", "stream_sid"),
    call_path=("start", "call_sid"),
    account_path=("start", "account_sid"),
    caller_path=("start", "from"),
    called_path=("start", "to"),
    parameters_path=("start", "custom_parameters"),
    coding_path=("start", "media_format", "encoding"),
    rate_path=("start", "media_format", "sample_rate"),
    mark_every_ms=60,  # what it hears comes in pieces of 100 ms, too long to tell the time by
)

JSON_SERVICES = (TWILIO, TELNYX, PLIVO, EXOTEL, SIGNALWIRE)
