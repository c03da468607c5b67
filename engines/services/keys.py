"""Keys of services, on their way from the settings to a client."""

from __future__ import annotations

from pydantic import SecretStr


def plain_text(secret: SecretStr | None) -> str | None:
    """The key itself, which nothing may print."""
    return None if secret is None else secret.get_secret_value()
