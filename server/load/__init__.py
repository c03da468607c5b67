"""How busy the server is, as it is measured, and whether another session is let in."""
