"""One conversation: its life, its assembly, its turns, and what an embedder can watch of it."""
