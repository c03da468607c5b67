"""Text for the voice: what a model writes, as phrases that can be spoken.

    written text ──▶ cuts.py            where a phrase ends
                 ──▶ phrases.py         the phrases of a reply, with the state of its blocks
                 ──▶ speakable.py       what of a phrase is said, and which words of it say what

Plain, per language, with state over chunks, and without I/O. The same text gives the same phrases
however it was cut into chunks; only a long gap between two chunks ends one early.
"""
