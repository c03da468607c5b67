"""The door for telephone services: who is let in, what they are answered, and how they are asked.

A service brings a call by a WebSocket at `/telephone/<service>`; what it needs besides is here: its
signatures, the instructions at `/telephone/<service>/answer`, its status callbacks, and its API by
which a call is ended, transferred or made.
"""
