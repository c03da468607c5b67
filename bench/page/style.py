"""The report's style sheet: quiet, light or dark as the reader's system is, and narrow enough for a
phone. It names no font and no file that would have to be loaded."""

from __future__ import annotations

from .markup import raw

_LIGHT = """
  --page: #faf9f7; --card: #ffffff; --ink: #1f2023; --quiet: #66645f; --line: #e5e2dc;
  --c1: #2f6db3; --c2: #c2600f; --c3: #2e8560; --c4: #8456c9; --c5: #b83a72; --c6: #56606e;
  --heat: 203 92 28;
"""
_DARK = """
  --page: #151617; --card: #1d1f21; --ink: #e9e8e5; --quiet: #a09d97; --line: #34373a;
  --c1: #78b0ee; --c2: #f0a468; --c3: #6fc79c; --c4: #b99cf2; --c5: #f08fbd; --c6: #a9b2be;
  --heat: 236 132 62;
"""
_SERIES = "".join(
    f".s{n} {{ stroke: var(--c{n}); }} .f{n} {{ fill: var(--c{n}); }} "
    f".b{n} {{ background: var(--c{n}); }}\n"
    for n in range(1, 7)
)
_HEAT = "".join(f".q{n} {{ background: rgb(var(--heat) / {0.075 * n:.3f}); }}\n" for n in range(10))

STYLE = raw(
    f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}}
main {{ max-width: 1080px; margin: 0 auto; padding: 40px 20px 80px; }}
h1 {{ font-size: 30px; font-weight: 650; letter-spacing: -.02em; margin: 0; }}
h2 {{ font-size: 21px; font-weight: 650; letter-spacing: -.01em; margin: 0; }}
p {{ margin: 4px 0; }}
.quiet {{ color: var(--quiet); }}
section {{ margin-top: 56px; }}
.settings {{ display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 6px 0 0; padding: 0;
  font-size: 14px; }}
.settings div {{ display: flex; gap: 6px; }}
.settings dt {{ color: var(--quiet); }}
.settings dd {{ margin: 0; }}
.tiles {{ display: grid; gap: 16px; margin-top: 28px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); }}
.tile {{ border-top: 2px solid var(--ink); padding-top: 10px; }}
.tile b {{ font-size: 30px; font-weight: 600; letter-spacing: -.02em; }}
.tile span {{ color: var(--quiet); }}
.tile p {{ color: var(--quiet); font-size: 14px; line-height: 1.35; }}
.figures {{ columns: 400px 2; column-gap: 20px; margin-top: 18px; }}
figure, details {{ margin: 0 0 20px; break-inside: avoid; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; }}
.wide, details, h3 {{ column-span: all; }}
.wide, details {{ margin-top: 20px; }}
h3 {{ font-size: 17px; font-weight: 600; margin: 24px 0 12px; }}
figcaption {{ font-size: 14px; color: var(--quiet); margin-bottom: 12px; }}
figcaption b {{ display: block; font-size: 16px; color: var(--ink); font-weight: 600; }}
summary {{ cursor: pointer; font-weight: 600; }}
details[open] summary {{ margin-bottom: 12px; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; width: 100%; }}
th, td {{ padding: 5px 10px; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }}
th:first-child, td:first-child {{ padding-left: 0; }}
td:first-child {{ min-width: 9em; }}
.heat th:first-child {{ white-space: nowrap; }}
tbody tr:last-child > * {{ border-bottom: 0; }}
thead th {{ color: var(--quiet); font-weight: 500; vertical-align: bottom; }}
tbody th {{ font-weight: 400; }}
.num {{ text-align: right; }}
td.num {{ white-space: nowrap; }}
.heat td {{ border: 2px solid var(--card); border-radius: 5px; padding: 4px 9px; }}
.heat th {{ border: 0; }}
{_HEAT}
svg {{ display: block; width: 100%; max-width: 560px; height: auto; margin: 0 auto;
  overflow: visible; }}
svg text {{ font-size: 12px; fill: var(--quiet); }}
svg .label {{ font-size: 12.5px; fill: var(--ink);
  paint-order: stroke; stroke: var(--card); stroke-width: 5px; stroke-linejoin: round; }}
svg .label.quiet {{ fill: var(--quiet); }}
svg .end {{ text-anchor: end; }}
svg .middle {{ text-anchor: middle; }}
.gridline {{ stroke: var(--line); stroke-width: 1; }}
polyline {{ fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }}
.s4, .s5, .s6 {{ stroke-dasharray: 6 5; }}
.whisker {{ stroke: var(--c1); stroke-width: 1.5; }}
.box {{ fill: var(--c1); opacity: .35; }}
.mid {{ stroke: var(--ink); stroke-width: 2; }}
.dot {{ fill: var(--c2); }}
.joint {{ stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 2; }}
.mark {{ stroke: var(--card); stroke-width: 1.5; }}
{_SERIES}
.legend {{ display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 10px 0 0;
  padding: 0; font-size: 13px; color: var(--quiet); }}
.key {{ display: inline-block; width: 14px; height: 4px; border-radius: 2px; margin-right: 6px;
  vertical-align: middle; }}
@media (max-width: 520px) {{
  main {{ padding: 24px 14px 60px; }}
  figure, details {{ padding: 14px 12px; }}
  th, td {{ padding: 5px 7px; }}
}}
@media print {{ figure {{ break-inside: avoid; }} }}
"""
)
