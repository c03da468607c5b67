"""Keys of services, as settings hold them."""

from __future__ import annotations

from pydantic import SecretStr


def plain_key(secret: SecretStr | None) -> str | None:
    """What the service is sent; None where no key is set."""
    return None if secret is None else secret.get_secret_value()
