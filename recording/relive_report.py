"""What would have changed: a table over recordings that were relived."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from .compare import Summary


def table_of(rows: Sequence[tuple[str, Summary, Summary]]) -> Table:
    """Before and now, per recording and in all."""
    table = Table(title="recorded → now")
    for column in ("recording", "finals the same", "turns", "cut short", "interruptions", "false"):
        table.add_column(column, justify="left" if column == "recording" else "right")
    table.add_column("first audio ms", justify="right")
    for name, before, now in rows:
        same = sum(a == b for a, b in zip(before.finals, now.finals, strict=False))
        table.add_row(
            name,
            f"{same} of {max(len(before.finals), len(now.finals))}",
            _change(before.turns, now.turns),
            _change(before.cut_short, now.cut_short),
            _change(before.interruptions, now.interruptions),
            _change(before.false_interruptions, now.false_interruptions),
            _change(_ms(before), _ms(now)),
        )
    for name, before, now in rows:
        for number, (was, is_now) in enumerate(zip(before.finals, now.finals, strict=False), 1):
            if was != is_now:
                table.add_row(f"{name} #{number}", f"{was!r} → {is_now!r}")
    return table


def _change(before: object, now: object) -> str:
    return str(before) if before == now else f"{before} → {now}"


def _ms(summary: Summary) -> str:
    found = summary.median_first_audio_ms
    return "-" if found is None else f"{found:.0f}"
