"""Capacity on paper: what so many calls at once need. Pure functions: numbers in, numbers out.

`load.py` says what is to be carried, `costs.py` what each part of it costs (`parley bench costs`
measures that), `server_load.py` is the model that `scripts/validate_plan.py` compares with real
loads, and `plan.py` adds everything up. docs/SCALE.md explains it for somebody with a pencil.
"""
