"""Bytes on the wire, from what was measured of the payload and the sizes of the heads around it."""

from __future__ import annotations

from dataclasses import dataclass

from .costs import Costs
from .load import Load

WEBSOCKET_IN, WEBSOCKET_OUT = 8, 4
"""A frame's head between 126 bytes and 64 KB; clients mask (RFC 6455, 5.2)."""
TLS = 22
"""A record of TLS 1.3 with AES-GCM: 5 bytes of head, 1 of type, 16 of tag (RFC 8446, 5.2)."""
PACKET = 20 + 32 + 38
"""IPv4, TCP with time stamps, Ethernet with preamble and gap."""
PACKET_PAYLOAD = 1448
"""What a packet of 1,500 bytes holds of TCP's stream."""
ACKED = 2
"""Packets for each that says they came (RFC 9293, 3.8.6.3: every second full one)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Of so many sessions, each way, all heads included."""

    in_bits: float
    out_bits: float
    in_packets: float
    out_packets: float

    @property
    def both_bits(self) -> float:
        """What each way of a proxy carries: it takes in and gives out both directions."""
        return self.in_bits + self.out_bits


def wire_of(load: Load, costs: Costs, sessions: float, replying: float) -> Wire:
    frames = sessions * 1000 / load.frame
    frame_bytes = costs[f"{load.dialect}.frame_bytes"] * load.frame / 20
    in_bytes, in_packets = _sent(frames, frame_bytes + WEBSOCKET_IN)
    messages = replying * costs[f"{load.dialect}.reply_messages"]
    length = costs[f"{load.dialect}.reply_bytes"] / max(
        costs[f"{load.dialect}.reply_messages"], 1e-9
    )
    out_bytes, out_packets = _sent(messages, length + WEBSOCKET_OUT)
    in_acks, out_acks = out_packets / ACKED, in_packets / ACKED
    return Wire(
        in_bits=8 * (in_bytes + in_acks * PACKET),
        out_bits=8 * (out_bytes + out_acks * PACKET),
        in_packets=in_packets + in_acks,
        out_packets=out_packets + out_acks,
    )


def _sent(messages: float, length: float) -> tuple[float, float]:
    """Bytes and packets a second, of so many messages a second of this length, each by itself."""
    packets = messages * -(-(length + TLS) // PACKET_PAYLOAD)
    return messages * (length + TLS) + packets * PACKET, packets
