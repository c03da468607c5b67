"""What is known and decided of a conversation: plain classes without tasks and without Trio.

Actors tell these classes what happened and do what they decide; a test drives them without an
event loop.
"""
