"""What a test measured, for the table at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """Rows of what was found, each with the bar that was asked for."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def tell(self, what: str, found: object, bar: str = "") -> None:
        self.rows.append((what, str(found), bar))

    def lines(self) -> list[str]:
        """The rows in columns."""
        widths = [max(len(row[i]) for row in self.rows) for i in range(2)]
        return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}".rstrip() for a, b, c in self.rows]
