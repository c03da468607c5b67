"""What Parley answers without a language model: what a machine knows, and that it knows no more."""
