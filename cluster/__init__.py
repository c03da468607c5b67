"""Several servers as one service: what they share, who they are, and how one finds another.

A *node* is one Parley process. What nodes share goes through one small interface, `store.Store`:
in memory for a server alone, Valkey or Redis where the settings name one. No conversation waits for
it.
"""
