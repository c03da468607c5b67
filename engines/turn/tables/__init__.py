"""Words by which the end of a turn is told, one table per language. By hand, not learned."""

from __future__ import annotations

from . import de, en, es, fr
from .table import Table

__all__ = ["TABLES", "Table"]

TABLES: dict[str, Table] = {"en": en.TABLE, "de": de.TABLE, "es": es.TABLE, "fr": fr.TABLE}
"""By the language's code. English is the one that was measured."""
