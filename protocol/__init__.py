"""What is said on the wire, and nothing that does it: messages, states, error codes, codecs.

Nothing in this room imports Trio, does I/O or knows another room of the house but `audio`.
"""
