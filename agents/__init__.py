"""Agents: what a product adds to a voice. The public door is `parley.agent`."""
