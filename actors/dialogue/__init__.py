"""The dialogue: the one actor that decides, and the rooms that it is made of.

`actor.py` takes every report and asks the machines what follows; the others say what is then done.
"""
