"""What the actors drive: detectors, transcribers, responders and synthesizers.

Each kind is a folder with its interface, its real engines and its scripted fake. An engine that
blocks runs in a lane (`parley.engines.lanes.lane`), never in the server's process.
"""
