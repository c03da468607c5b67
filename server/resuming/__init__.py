"""Conversations that go on over another connection, or on another server."""
