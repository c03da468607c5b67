"""Lines to paste where nobody asks for instructions: Asterisk, FreeSWITCH, Genesys.

They hold no secret: where one belongs, they name the setting that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from ..http.responses import Response, text_response

ASTERISK = """\
; websocket_client.conf
[parley]
type = websocket_client
connection_type = per_call_config
uri = {stream}
protocols = media
; what PARLEY_TELEPHONE_USER and PARLEY_TELEPHONE_PASSWORD say
username = parley
password = …
tls_enabled = {tls}

; extensions.conf: Asterisk 20.18, 22.8 or 23.2, or newer
; FILTER: whoever calls may choose the number that is shown, and it must not become a part of Dial
exten => 100,1,Answer()
 same => n,Set(CALLER=${{FILTER(+0-9,${{CALLERID(num)}})}})
 same => n,Set(CALLED=${{FILTER(+0-9,${{EXTEN}})}})
 same => n,Dial(WebSocket/parley/c(slin16)f(json)v(caller=${{CALLER}},called=${{CALLED}}))
 same => n,Hangup()
"""

FREESWITCH = """\
<!-- dialplan: mod_audio_stream; the paid version alone plays what it is sent -->
<extension name="parley">
  <condition field="destination_number" expression="^100$">
    <action application="answer"/>
    <action application="set"
      data="STREAM_EXTRA_HEADERS={{&quot;Authorization&quot;:&quot;Basic …&quot;}}"/>
    <action application="set"
      data="api_result=${{uuid_audio_stream(${{uuid}} start {stream} mono 16k)}}"/>
    <action application="park"/>
  </condition>
</extension>
<!-- Basic is base64 of what PARLEY_TELEPHONE_USER and PARLEY_TELEPHONE_PASSWORD say, with a colon
     between; or the address ends in /key- and what PARLEY_TELEPHONE_STREAM_TOKEN says -->
"""

GENESYS = """\
Genesys Cloud, Admin, Integrations, AudioHook or Audio Connector:
  Connection URI  {stream}
  API key         what PARLEY_GENESYS_API_KEY says
  client secret   what PARLEY_GENESYS_CLIENT_SECRET says
"""


def _hint(template: str, *, is_xml: bool = False) -> Callable[[str], Response]:
    def filled(stream: str) -> Response:
        stream = escape(stream) if is_xml else stream
        tls = "yes" if stream.startswith("wss:") else "no"
        return text_response(template.format(stream=stream, tls=tls))

    return filled


HINTS: Mapping[str, Callable[[str], Response]] = {
    "asterisk": _hint(ASTERISK),
    "freeswitch": _hint(FREESWITCH, is_xml=True),
    "genesys": _hint(GENESYS),
}
