"""The telephone's door: calls that services bring, and what is asked of services."""
