"""The client side of dialect A: what `parley talk`, `parley demo` and the tests speak with."""
