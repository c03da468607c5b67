"""Several servers that can do the same: which of them is asked, and what happens when one fails."""
