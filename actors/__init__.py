"""The seven actors of a session, one file each, and the plain classes that decide for them.

An actor is a small class with `async def run(self) -> None`. What it needs is handed in: channel
ends, an engine, its slice of the settings. It never sees a sibling or a nursery, and only the
Receiver and the Sender see the peer. Decisions stand in plain synchronous classes beside it; what
is decided of a whole conversation is in `dialogue/`.
"""
