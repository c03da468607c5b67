"""Who is let in: each service by what it can prove, before an upgrade or a webhook costs anything.

A service that has a secret is let in by that alone. One that has none is let in where a setting
says so, or where nothing but this machine can ask; otherwise the refusal names the setting. A token
of one's own in the path, and a ticket that was given out in an answer, let in any service's stream.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from pydantic import SecretStr

from ...addresses import host_name, is_loopback
from ...config import Carriers, Telephone
from ...engines.services.keys import plain_text
from ...telemetry import Telemetry
from ...wallclock import unix_ms
from ..http.head import BadRequest, Head
from ..http.upgrade import BadUpgrade
from .asked import Asked, NotSigned
from .genesys import AGE_S, SKEW_S, genesys
from .signatures import plivo, same, signalwire, twilio
from .tickets import KEY_MARK, TICKET_S, CallPath, Tickets, call_path
from .tokens import basic, telnyx_stream, telnyx_webhook, vonage

Check = Callable[[Asked], str]
"""Says what matched, or raises NotSigned."""

BASIC = ("asterisk", "jambonz", "freeswitch", "exotel")
"""Services that prove themselves by a name and a password."""

NONCES_MAX = 10_000

SECRETS: Mapping[str, str] = {
    "twilio": "PARLEY_TWILIO_AUTH_TOKEN",
    "signalwire": "PARLEY_SIGNALWIRE_SIGNING_KEY",
    "telnyx": "PARLEY_TELNYX_PUBLIC_KEY",
    "plivo": "PARLEY_PLIVO_AUTH_TOKEN",
    "vonage": "PARLEY_VONAGE_SIGNATURE_SECRET",
    "genesys": "PARLEY_GENESYS_API_KEY",
    **dict.fromkeys(BASIC, "PARLEY_TELEPHONE_PASSWORD"),
}
"""By service: the setting by which it is known."""

_FORWARDED = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    *("x-real-ip", "cf-connecting-ip", "true-client-ip"),
)
"""Headers by which proxies tell that somebody else asks."""


class Gate:
    """One per server. `now_s` is the moment on the wall, in whole seconds."""

    def __init__(
        self,
        telephone: Telephone,
        carriers: Carriers,
        telemetry: Telemetry,
        *,
        shared_key: SecretStr | None = None,
        now_s: Callable[[], int] = lambda: unix_ms() // 1000,
        key: str = "",
        is_first: Callable[[str], bool] = lambda nonce: True,
    ) -> None:
        """`key` signs tickets where there is no secret that does; `is_first` says whether no other
        process of this server has taken a signature of this nonce, and notes it."""
        self._is_first = is_first
        self.now_s = now_s
        self._telephone = telephone
        self._carriers = carriers
        self._telemetry = telemetry
        self._log = structlog.get_logger(__name__)
        self._nonces: OrderedDict[str, int] = OrderedDict()
        keys = _keys(telephone, carriers, shared_key) or ([key] if key else [])
        self._tickets = Tickets(keys)

    def check_stream(self, service: str, head: Head) -> None:
        """Raises BadUpgrade (403) for a WebSocket that is not the service's, (404) for a path that
        is none."""
        path = call_path(head.path)
        if path is None or path.service != service:
            raise BadUpgrade(404, "no WebSocket is served at this path")
        try:
            by = self._let_in(path, head, b"", self._stream_check(service))
        except NotSigned as problem:
            raise BadUpgrade(403, self._refused(service, "stream", problem)) from None
        self._log.info("telephone_stream", service=service, known_by=by)

    def check_webhook(self, path: CallPath, head: Head, body: bytes) -> Asked:
        """The request, which is the service's. Raises BadRequest (403) where it is not."""
        try:
            self._let_in(path, head, body, self._webhook_check(path.service))
        except NotSigned as problem:
            raise BadRequest(403, self._refused(path.service, "webhook", problem)) from None
        return Asked.of(head, body)

    def ticket(self, service: str, agent: str, *, for_s: int = TICKET_S) -> str:
        """The last part of an address that lets one call in."""
        return self._tickets.make(service, agent, now_s=self.now_s(), for_s=for_s)

    def known_by(self, service: str) -> str:
        """The setting by which a service is known that is set; empty: none is."""
        if self._webhook_check(service) or self._stream_check(service):
            return SECRETS[service]
        return "" if self._telephone.stream_token is None else "PARLEY_TELEPHONE_STREAM_TOKEN"

    def _let_in(self, path: CallPath, head: Head, body: bytes, check: Check | None) -> str:
        """What lets a request in. Raises NotSigned."""
        token, asked = plain_text(self._telephone.stream_token), Asked.of(head, body)
        if path.proof.startswith(KEY_MARK):
            if token is None or not same(path.proof.removeprefix(KEY_MARK), token):
                raise NotSigned("the token in the path is not PARLEY_TELEPHONE_STREAM_TOKEN")
            return "token"
        if asked.stream and self._tickets.holds(path, now_s=self.now_s()):
            self._tell_unsigned(path.service, check, asked)
            return "ticket"
        if check is not None:
            return check(asked)
        if path.service in self._telephone.open:
            return "setting"
        if path.proof:
            raise NotSigned("the ticket in the path is over, or not one of ours")
        if token is None and self._is_local(head):
            return "loopback"
        raise NotSigned(
            f"nobody is let in as {path.service}: set {SECRETS[path.service]}, or "
            f"PARLEY_TELEPHONE_STREAM_TOKEN and use it in the path, or, in a closed network, "
            f"PARLEY_TELEPHONE_OPEN={path.service}"
        )

    def _tell_unsigned(self, service: str, check: Check | None, asked: Asked) -> None:
        """Tells the log of a stream whose ticket holds and whose signature does not: how services
        sign streams is not always written down."""
        if check is None:
            return
        try:
            check(asked)
        except NotSigned as problem:
            self._log.info("telephone_signature_unused", service=service, reason=str(problem))

    def _stream_check(self, service: str) -> Check | None:
        if service != "telnyx":
            return self._webhook_check(service)
        token = plain_text(self._carriers.telnyx_stream_token)
        if token is None and self._carriers.telnyx_public_key is not None:
            return _no_telnyx_token
        return None if token is None else partial(telnyx_stream, token=token)

    def _webhook_check(self, service: str) -> Check | None:
        carriers, public_url = self._carriers, self._telephone.public_url
        key = plain_text(self._secret(service))
        match service:
            case "twilio" if key is not None or carriers.twilio_shared_key is not None:
                shared = plain_text(carriers.twilio_shared_key)
                return partial(twilio, public_url=public_url, auth_token=key, shared_key=shared)
            case "signalwire" if key is not None:
                return partial(signalwire, public_url=public_url, signing_key=key)
            case "plivo" if key is not None:
                return partial(plivo, public_url=public_url, auth_token=key)
            case "telnyx" if key is not None:
                return partial(self._telnyx, key)
            case "vonage" if key is not None:
                return partial(self._vonage, key)
            case "genesys" if key is not None:
                return partial(self._genesys, key)
            case _ if key is not None:
                return partial(basic, user=self._telephone.user, password=key)
        return None

    def _secret(self, service: str) -> SecretStr | None:
        """That of SECRETS."""
        if service in BASIC:
            return self._telephone.password
        carriers = self._carriers
        return {
            "twilio": carriers.twilio_auth_token,
            "signalwire": carriers.signalwire_signing_key,
            "telnyx": carriers.telnyx_public_key,
            "plivo": carriers.plivo_auth_token,
            "vonage": carriers.vonage_signature_secret,
            "genesys": carriers.genesys_api_key,
        }[service]

    def _telnyx(self, public_key: str, asked: Asked) -> str:
        return telnyx_webhook(asked, public_key=public_key, now_s=self.now_s())

    def _vonage(self, secret: str, asked: Asked) -> str:
        application = plain_text(self._carriers.vonage_application_id)
        return vonage(asked, secret=secret, now_s=self.now_s(), application_id=application)

    def _genesys(self, api_key: str, asked: Asked) -> str:
        """Its signatures count once: the nonces of those that could still hold are remembered."""
        nonce = genesys(
            asked,
            self._telephone.public_url,
            api_key=api_key,
            client_secret=plain_text(self._carriers.genesys_client_secret),
            now_s=self.now_s(),
        )
        over = self.now_s() - AGE_S - SKEW_S
        while self._nonces and (
            next(iter(self._nonces.values())) < over or len(self._nonces) >= NONCES_MAX
        ):
            self._nonces.popitem(last=False)
        if nonce and (nonce in self._nonces or not self._is_first(nonce)):
            raise NotSigned("the signature was used before")
        if nonce:
            self._nonces[nonce] = self.now_s()
        return "Signature"

    def _is_local(self, head: Head) -> bool:
        """Whether only this machine can have asked: the server listens on loopback, nobody was told
        of another address, no proxy stands between, and no web page asks."""
        return (
            self._telephone.public_url is None
            and is_loopback(self._telephone.host)
            and is_loopback(host_name(head.header("host") or ""))
            and head.header("origin") is None
            and not any(head.header(name) for name in _FORWARDED)
        )

    def _refused(self, service: str, what: str, problem: NotSigned) -> str:
        self._telemetry.count("calls_refused")
        self._log.warning("telephone_refused", service=service, what=what, reason=str(problem))
        return str(problem)


def _no_telnyx_token(asked: Asked) -> str:
    raise NotSigned("a stream of Telnyx needs a ticket, or PARLEY_TELNYX_STREAM_TOKEN")


def _keys(telephone: Telephone, carriers: Carriers, shared_key: SecretStr | None) -> list[str]:
    """All secrets that servers of a kind share."""
    found = (
        *(telephone.stream_token, telephone.password, telephone.token),
        *(carriers.twilio_auth_token, carriers.twilio_shared_key, carriers.plivo_auth_token),
        *(carriers.signalwire_signing_key, carriers.signalwire_api_token),
        *(carriers.telnyx_api_key, carriers.telnyx_stream_token),
        *(carriers.vonage_signature_secret, carriers.genesys_client_secret),
        *(carriers.genesys_api_key, shared_key),
    )
    return [secret.get_secret_value() for secret in found if secret is not None]
