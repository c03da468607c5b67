"""Dialect D, `/v1/realtime`: OpenAI's Realtime API over WebSocket.

A codec without I/O, as the others are: a client's events become commands and effects
(`client_events`), what the session tells becomes server events (`codec`, `responses`,
`user_items`), and `session_config` is the session object that both sides see. `beta` translates for
clients that speak the older names. Source: OpenAI's Realtime reference, as its SDKs hold a server
to it.
"""
