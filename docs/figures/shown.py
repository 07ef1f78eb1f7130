"""Pictures as the output of a cell, in the look of the package's reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from IPython.display import HTML
from jinja2 import Environment, PackageLoader, StrictUndefined

from figures.style import SCOPE
from rocoin_opt.report.page.group_rows import group_picture
from rocoin_opt.report.page.plan_page import group_notes
from rocoin_opt.report.page.rendering import DASHES
from rocoin_opt.report.page.tables import shown_name
from rocoin_opt.wording import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocoin_opt import Instance, Plan
    from rocoin_opt.report.page.figures import Picture

_PARTS = Environment(
    loader=PackageLoader("rocoin_opt.report.page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PARTS.globals["dashes"] = DASHES
_PARTS.filters |= {"time": seconds, "shown": shown_name}


def groups_of(instance: Instance, plan: Plan, guaranteed_seconds: float | None) -> HTML:
    """Show who runs what and how long."""
    groups = group_picture(instance, plan, guaranteed_seconds)
    return _html("{{ parts.groups(groups) }}", notes=group_notes(instance, plan), groups=groups)


def pictures(*drawn: Picture) -> HTML:
    """Show pictures, side by side where there is room."""
    return _html('<div class="figures">{{ parts.pictures(drawn) }}</div>', notes=(), drawn=drawn)


def line_by_line(summary: str, words: Mapping[str, str]) -> HTML:
    """Explain a printed summary: each key is a pattern of what is printed, its value what that means.

    Raises
    ------
    ValueError
        If a pattern is not in the summary, or a line of the summary has no explanation.
    """
    lines = summary.splitlines()
    left = {number for number, line in enumerate(lines) if line.strip()}
    entries = []
    for pattern, meaning in words.items():
        found = [(number, match[0]) for number, line in enumerate(lines) for match in re.finditer(pattern, line)]
        if not found:
            raise ValueError(f"the summary holds nothing like {pattern!r}")
        left -= {number for number, _ in found}
        entries.append((found[0][1].strip(), meaning))
    if left:
        raise ValueError(f"nobody explains {[lines[number] for number in sorted(left)]}")
    template = "{% for text, meaning in entries %}<dt><code>{{ text }}</code></dt><dd>{{ meaning }}</dd>{% endfor %}"
    return HTML(_PARTS.from_string(f"<dl>{template}</dl>").render(entries=entries))


def _html(body: str, **content: object) -> HTML:
    notes = '{% for line in notes %}<p class="note">{{ line }}</p>{% endfor %}'
    template = f'{{% import "parts.html" as parts %}}<div class="{SCOPE}">{body}{notes}</div>'
    return HTML(_PARTS.from_string(template).render(content))
