"""Parley: a real-time voice server that you can interrupt.

Importing the package is cheap on purpose: worker processes import it at every start.
"""

__version__ = "0.2.0"
