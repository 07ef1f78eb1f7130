"""The style of the package's reports, kept within its pictures and tied to the light and dark of this site."""

from __future__ import annotations

import re
from importlib.resources import files

SCOPE = "drawn"
"""Class of what the style is for."""
_COLOURS = re.compile(r":root \{(.*?)\}", re.DOTALL)


def _edges(paper: str) -> str:
    """Declarations that draw a shadow at a side where a scrolled box goes on, on a colour of paper."""
    cover = f"linear-gradient(to {{}}, {paper} 40%, transparent) {{}} 0 / 2.5rem 100% no-repeat local"
    shade = (
        "radial-gradient(farthest-side at {} 50%, var(--color-foreground-muted), transparent)"
        " {} 0 / 0.9rem 100% no-repeat scroll"
    )
    layers = (
        cover.format("right", "0"),
        cover.format("left", "100%"),
        shade.format("0", "0"),
        shade.format("100%", "100%"),
    )
    return f"overflow-x: auto; background: {', '.join(layers)}, {paper};"


def site_style() -> str:
    """Return a style sheet in which the rules of reports hold inside of :data:`SCOPE` alone.

    Raises
    ------
    ValueError
        If the reports have other than two sets of colours: the first for light, the second for dark.
    """
    text = (files("rocoin_opt.report.page") / "templates" / "style.css").read_text(encoding="utf-8")
    light, dark = _COLOURS.findall(text)
    rules = _COLOURS.sub("", text)
    return "\n".join(
        [
            f".{SCOPE} {{ {light} font-size: 16px; line-height: 1.5; color: var(--ink); margin-bottom: 1rem; }}",
            f'body[data-theme="dark"] .{SCOPE} {{ {dark} }}',
            f'@media (prefers-color-scheme: dark) {{ body:not([data-theme="light"]) .{SCOPE} {{ {dark} }} }}',
            f".{SCOPE} {{ {rules} }}",
            # The pictures lie on the page itself, whatever its colour, and this page is narrower than a report.
            f".{SCOPE} .group, .{SCOPE} figure {{ background: none; }}",
            f".{SCOPE} .figures {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }}",
            "@media (min-width: 40.01rem) {"
            f" .{SCOPE} .replica {{ grid-template-columns: minmax(6rem, 9rem) minmax(0, 1fr) 4.5rem 9.5rem; }} }}",
            # Their pictures are small here, so letters are larger.
            f".{SCOPE} .chart {{ overflow: visible; }} .{SCOPE} .chart text {{ font-size: 10.5px; }}",
            # What the theme does to headings and figures.
            f".{SCOPE} h3 {{ padding: 0; }}",
            f".{SCOPE} figure {{ text-align: left; }}",
            # Pictures in files are drawn in dark ink.
            "article img { background: white; }",
            # Commands are copied, not read by columns: they wrap.
            ".highlight-sh pre, .highlight-shell pre, .highlight-bash pre, .highlight-console pre"
            " { white-space: pre-wrap; overflow-wrap: anywhere; }",
            # Figures in cells stay whole, and a shadow lies at the edge beyond which a table or an output goes on.
            "article td.text-right, article td.text-right * { white-space: nowrap; }",
            "article table.docutils th { background: color-mix(in srgb, var(--color-table-header-background) 60%,"
            " transparent); }",
            f"article .table-wrapper {{ {_edges('var(--color-background-primary)')} }}",
            f"article .highlight pre, .cell_output pre {{ {_edges('var(--color-code-background)')} }}",
            # The icons of the theme and of the contents stand apart.
            ".mobile-header .header-right { gap: 0.75rem; }",
            # A summary fits.
            ".cell_output pre { font-size: 0.75rem; }",
        ]
    )
