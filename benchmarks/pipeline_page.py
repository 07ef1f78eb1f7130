"""Put the measured tables into ``docs/pipeline.md``: those of ``docs/pipeline.json``, and the shipped capacities.

``docs/pipeline.json`` is the ``results.json`` of ``rocoin-opt demo --data fashion-mnist --seed 0,1,2 --threads 1``.
"""

from __future__ import annotations

import json
from pathlib import Path

from rocoin_opt.profiling.capacity import capacity_sheet, shipped_capacity
from rocoin_opt.report.pipeline import pipeline_markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, RESULTS = DOCS / "pipeline.md", DOCS / "pipeline.json"


def filled(page: str, blocks: dict[str, str]) -> str:
    """The page with the text between each pair of marks replaced."""
    for name, text in blocks.items():
        head, rest = page.split(f"<!-- {name}:", 1)
        opening, rest = rest.split("-->\n", 1)
        tail = rest.split(f"<!-- end of {name} -->", 1)[1]
        page = f"{head}<!-- {name}:{opening}-->\n\n{text.strip()}\n\n<!-- end of {name} -->{tail}"
    return page


def current() -> str:
    """The page as it should be."""
    results = pipeline_markdown(json.loads(RESULTS.read_text(encoding="utf-8")))
    blocks = {"results": results, "capacity": capacity_sheet(shipped_capacity()).markdown}
    return filled(PAGE.read_text(encoding="utf-8"), blocks)


if __name__ == "__main__":
    PAGE.write_text(current(), encoding="utf-8")
