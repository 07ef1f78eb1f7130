"""Make the generated instance files beside this script anew: ``python instances/make.py``.

The files under ``infeasible`` are written by hand and stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rocoin_opt.instance.files import write_instance
from rocoin_opt.instance.generate import generate

SHIPPED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("paper", {"seed": 0, "graph": True}),
    ("paper", {"seed": 1, "graph": True}),
    ("paper", {"seed": 2, "graph": True}),
    ("paper", {"seed": 3}),
    ("paper", {"seed": 4}),
    ("paper", {"seed": 5}),
    ("mcu", {"devices": 8}),
    ("mcu", {"devices": 12, "seed": 0, "graph": True}),
    ("mcu", {"devices": 12, "seed": 1}),
    ("mcu", {"devices": 12, "seed": 2, "slowdowns": True}),
    ("mcu", {"devices": 16, "seed": 0}),
    ("mcu", {"devices": 16, "seed": 1}),
    ("mcu", {"devices": 20}),
    ("sbc", {"devices": 8}),
    ("sbc", {"devices": 12, "seed": 0, "graph": True}),
    ("sbc", {"devices": 12, "seed": 1}),
    ("sbc", {"devices": 16}),
    ("edge", {"devices": 12, "seed": 0}),
    ("edge", {"devices": 12, "seed": 1}),
    ("edge", {"devices": 16, "graph": True}),
    ("edge", {"devices": 20}),
    ("edge", {"devices": 20, "seed": 1, "slowdowns": True}),
    ("edge", {"devices": 30}),
    ("edge", {"devices": 50}),
    ("edge", {"devices": 100}),
    ("edge", {"devices": 150}),
    ("edge", {"devices": 200}),
    ("lossy", {"devices": 16}),
    ("lossy", {"devices": 16, "seed": 1, "slowdowns": True}),
    ("lossy", {"devices": 20}),
    ("lossy", {"devices": 24}),
    ("lossy", {"devices": 40}),
    ("boards", {"devices": 8}),
    ("boards", {"devices": 12, "seed": 0}),
    ("boards", {"devices": 12, "seed": 1}),
    ("boards", {"devices": 50}),
    ("tight", {"devices": 12}),
    ("tight", {"devices": 30}),
    ("tight", {"devices": 60, "filters": 80}),
    ("tight", {"devices": 120}),
    # Seeds that no study uses: names do not tell of domains.
    ("paper", {"devices": 12, "seed": 10, "domains": 3}),
    ("mcu", {"devices": 12, "seed": 10, "domains": 3}),
    ("sbc", {"devices": 12, "seed": 10, "domains": 3}),
    ("edge", {"devices": 12, "seed": 10, "domains": 3}),
    ("edge", {"devices": 30, "seed": 10, "domains": 6}),
    ("edge", {"devices": 100, "seed": 10, "domains": 20}),
    ("lossy", {"devices": 12, "seed": 10, "domains": 3}),
    # Nor do they tell of channels.
    ("paper", {"devices": 8, "seed": 20, "channels": 1}),
    ("mcu", {"devices": 12, "seed": 20, "channels": 2}),
    ("edge", {"devices": 12, "seed": 20, "channels": 2}),
)
"""Family and options of every generated file; the file's name is the instance's."""


def make(folder: Path) -> list[Path]:
    """Write all generated instances into the folders of their families, and return the paths of the JSON files."""
    paths = []
    for family, options in SHIPPED:
        instance = generate(family, **options)
        path = folder / family / f"{instance.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_instance(path, instance)
        paths.append(path)
    return paths


if __name__ == "__main__":
    for made in make(Path(__file__).parent):
        print(made)
