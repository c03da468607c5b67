"""Lanes: supervised worker processes that hold engines which block."""
