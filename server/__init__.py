"""The server: its supervision tree, its connections, and the wire in `server.http`."""
