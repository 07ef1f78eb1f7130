"""The shipped instances and their best known values, as the suites share them."""

from __future__ import annotations

import json
from pathlib import Path

import rocoin_opt as ro

INSTANCES = Path(__file__).resolve().parents[2] / "instances"
BEST_KNOWN = json.loads((INSTANCES / "best_known.json").read_text())
SHIPPED = sorted(path for path in INSTANCES.glob("*/*.json") if path.stem in BEST_KNOWN)
OBJECTIVES = ["guaranteed", "nominal", "worst"]


def shipped(name):
    """Read a shipped instance."""
    (path,) = (path for path in SHIPPED if path.stem == name)
    return ro.read_instance(path)


def best_known(name, objective="guaranteed"):
    """Best known value in seconds."""
    return BEST_KNOWN[name][objective]["value"]
