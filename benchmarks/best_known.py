"""Best-known plans of the shipped instances: search for better ones, keep whatever improves.

``python benchmarks/best_known.py [--time-limit S] [--methods M,M,...] [--objectives O,O,...] [NAME ...]`` solves the
named shipped instances, or all that are feasible, and updates ``instances/best_known.json``: values, bounds and the
plans themselves. A value is replaced by a smaller one only, a lower bound by a larger one only. The level of a quantile
is 0.9, and stands in its entry.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import rocoin_opt as ro
from rocoin_opt.documents import readable_json
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.result import relative_gap
from rocoin_opt.writing import write_text

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
BEST_KNOWN = INSTANCES / "best_known.json"
LEVEL = 0.9
"""Probability with which an answer is there by a quantile."""


def feasible_files(names: list[str]) -> list[Path]:
    """Shipped instance files that have a plan, all of them or those of some names."""
    files = sorted(path for path in INSTANCES.glob("*/*.json") if path.parent.name != "infeasible")
    return [path for path in files if not names or path.stem in names]


def has_meaning(instance: ro.Instance, objective: str) -> bool:
    """Whether an objective has a meaning for an instance: nominal and worst have none for random latencies.

    Quantiles take minutes there, and are left out.
    """
    return not instance.has_random_latencies or objective not in ("nominal", "worst", "quantile")


def asked(instance: ro.Instance, objective: str) -> ro.Instance:
    """The instance as an objective is looked for: with a level where it needs one."""
    return instance.with_requirements(success_level=LEVEL) if objective == "quantile" else instance


def improved(entry: dict[str, Any] | None, result: ro.Result) -> dict[str, Any]:
    """Merge a result into an entry."""
    today, version = datetime.datetime.now(datetime.UTC).date().isoformat(), result.versions["rocoin-opt"]
    entry = dict(entry or {"value": None, "lower_bound": None})
    if entry["value"] is None or result.objective_value < entry["value"]:
        entry |= {
            "value": result.objective_value,
            "method": result.method,
            "version": version,
            "date": today,
            "wall_seconds": round(result.wall_seconds, 2),
            "plan": result.plan.model_dump(mode="json", exclude_none=True),
        }
    if result.lower_bound is not None and (entry["lower_bound"] is None or result.lower_bound > entry["lower_bound"]):
        entry |= {"lower_bound": result.lower_bound, "bound_method": result.method, "bound_date": today}
    entry["gap"] = relative_gap(entry["value"], entry["lower_bound"])
    # The plan, which is long, stands last.
    return {**{key: value for key, value in entry.items() if key != "plan"}, "plan": entry["plan"]}


def main() -> None:
    """Search and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--methods", default="auto")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    options = parser.parse_args()
    known: dict[str, dict[str, Any]] = json.loads(BEST_KNOWN.read_text()) if BEST_KNOWN.exists() else {}
    for path in feasible_files(options.names):
        instance = ro.read_instance(path)
        for objective in options.objectives.split(","):
            for method in options.methods.split(","):
                if objective not in ro.METHODS[method].objectives or not has_meaning(instance, objective):
                    continue
                result = ro.solve(asked(instance, objective), method, objective, time_limit=options.time_limit)
                if result.plan is None:
                    print(f"{path.stem} {objective} {method}: {result.termination}")
                    continue
                entries = known.setdefault(path.stem, {})
                entries[objective] = improved(entries.get(objective), result)
                if objective == "quantile":
                    entries[objective] = {"success_level": LEVEL, **entries[objective]}
                best = entries[objective]
                print(
                    f"{path.stem} {objective} {method}: {result.objective_value:.6g}, best {best['value']:.6g}, "
                    f"bound {best['lower_bound'] or 0.0:.6g}, gap {best['gap'] or 0.0:.2%}, "
                    f"{result.wall_seconds:.1f} s",
                    flush=True,
                )
        ordered = {name: dict(sorted(entries.items())) for name, entries in sorted(known.items())}
        write_text(BEST_KNOWN, readable_json(ordered) + "\n")


if __name__ == "__main__":
    main()
