"""The telephone: what services send over a WebSocket that bring a call, and what they understand.

No I/O. `dialects` is the table of services; a further one is one file, or one row of
`json_services`, and one line there.
"""
