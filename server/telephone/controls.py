"""Which services can be asked to do something to a call, as the settings say."""

from __future__ import annotations

from collections.abc import Callable

from ...config import Carriers
from ...engines.services.keys import plain_text
from .addresses import Addresses
from .carrier_http import CarrierClients, CarrierHttp
from .control import ByClosing, CallControl
from .control_plivo import PLIVO_URL, PlivoControl
from .control_telnyx import TELNYX_URL, TelnyxControl
from .control_twilio import TWILIO_URL, TwilioControl
from .control_vonage import VONAGE_URL, VonageControl

SIGNALWIRE_ROOT = "/api/laml"

NEEDED = {
    "twilio": ("PARLEY_TWILIO_ACCOUNT_SID", "PARLEY_TWILIO_AUTH_TOKEN"),
    "signalwire": (
        *("PARLEY_SIGNALWIRE_PROJECT_ID", "PARLEY_SIGNALWIRE_API_TOKEN"),
        "PARLEY_SIGNALWIRE_BASE_URL",
    ),
    "telnyx": ("PARLEY_TELNYX_API_KEY",),
    "plivo": ("PARLEY_PLIVO_AUTH_ID", "PARLEY_PLIVO_AUTH_TOKEN"),
    "vonage": ("PARLEY_VONAGE_APPLICATION_ID", "PARLEY_VONAGE_PRIVATE_KEY_FILE"),
}
"""By service that has an API: the settings that it takes."""


def controls_of(
    carriers: Carriers,
    addresses: Addresses,
    clients: CarrierClients,
    now_s: Callable[[], int],
) -> dict[str, CallControl]:
    """The services whose API can be asked, and those whose calls end with their stream."""
    made = (
        ("twilio", _twilio(carriers, addresses, clients)),
        ("signalwire", _signalwire(carriers, addresses, clients)),
        ("telnyx", _telnyx(carriers, addresses, clients)),
        ("plivo", _plivo(carriers, addresses, clients)),
        ("vonage", _vonage(carriers, addresses, clients, now_s)),
        ("exotel", ByClosing("exotel", "the flow behind the Voicebot applet does that")),
    )
    return {service: control for service, control in made if control is not None}


def _http(
    service: str, base_url: str, clients: CarrierClients, *secrets: str | None
) -> CarrierHttp:
    return CarrierHttp(
        service=service,
        base_url=base_url,
        clients=clients,
        secrets=tuple(secret for secret in secrets if secret),
        credentials=" and ".join(NEEDED[service]),
    )


def _twilio(c: Carriers, addresses: Addresses, clients: CarrierClients) -> CallControl | None:
    account, token = plain_text(c.twilio_account_sid), plain_text(c.twilio_auth_token)
    if account is None or token is None:
        return None
    http = _http("twilio", c.twilio_base_url or TWILIO_URL, clients, token)
    return TwilioControl(http, addresses, account=account, token=token)


def _signalwire(c: Carriers, addresses: Addresses, clients: CarrierClients) -> CallControl | None:
    project, token = plain_text(c.signalwire_project_id), plain_text(c.signalwire_api_token)
    if project is None or token is None or c.signalwire_base_url is None:
        return None
    http = _http("signalwire", c.signalwire_base_url, clients, token)
    return TwilioControl(http, addresses, account=project, token=token, root=SIGNALWIRE_ROOT)


def _telnyx(c: Carriers, addresses: Addresses, clients: CarrierClients) -> CallControl | None:
    api_key, stream_token = plain_text(c.telnyx_api_key), plain_text(c.telnyx_stream_token)
    if api_key is None:
        return None
    return TelnyxControl(
        _http("telnyx", c.telnyx_base_url or TELNYX_URL, clients, api_key, stream_token),
        addresses,
        api_key=api_key,
        connection_id=plain_text(c.telnyx_connection_id),
        stream_token=stream_token,
    )


def _plivo(c: Carriers, addresses: Addresses, clients: CarrierClients) -> CallControl | None:
    auth_id, token = plain_text(c.plivo_auth_id), plain_text(c.plivo_auth_token)
    if auth_id is None or token is None:
        return None
    http = _http("plivo", c.plivo_base_url or PLIVO_URL, clients, token)
    return PlivoControl(http, addresses, auth_id=auth_id, auth_token=token)


def _vonage(
    c: Carriers, addresses: Addresses, clients: CarrierClients, now_s: Callable[[], int]
) -> CallControl | None:
    application_id, key_file = plain_text(c.vonage_application_id), c.vonage_private_key_file
    if application_id is None or key_file is None:
        return None
    return VonageControl(
        _http("vonage", c.vonage_base_url or VONAGE_URL, clients),
        addresses,
        application_id=application_id,
        private_key_file=key_file,
        now_s=now_s,
    )
