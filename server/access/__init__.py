"""Who is let in, and how much of the server each may use: one policy in front of every door."""
