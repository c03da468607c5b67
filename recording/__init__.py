"""Sessions as recordings: what came in through the seams, in order, and what went out."""
