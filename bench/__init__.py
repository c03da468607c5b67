"""`parley bench`: figures that anyone can repeat. It uses the house; the house does not use it."""
