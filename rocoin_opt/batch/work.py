"""The work on one item, inside a worker process: read the instance, solve it, and say what came of it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocoin_opt.batch.items import fingerprint_of, instance_content
from rocoin_opt.documents import readable_json
from rocoin_opt.errors import CertificateError, InputError, MendedWarning, Problem, SolverError, UnsupportedError
from rocoin_opt.instance import parse_instance
from rocoin_opt.plan import result_document
from rocoin_opt.planning.solve import solve
from rocoin_opt.provenance import versions

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance


def solve_item(payload: dict[str, Any]) -> dict[str, Any]:
    """Solve one item.

    Parameters
    ----------
    payload : dict
        ``file`` (where the instance lies here), ``path`` (what errors call it), ``fingerprint``, and the arguments
        of :func:`rocoin_opt.solve` under ``arguments``.

    Returns
    -------
    dict
        Fields of :class:`~rocoin_opt.batch.results.ItemResult`: those of a result, or ``failure`` and ``error``.
    """
    mended: list[str] = []
    return {"cores": os.cpu_count(), "versions": versions(), "mended": mended, **_answer(payload, mended)}


def _answer(payload: dict[str, Any], mended: list[str]) -> dict[str, Any]:
    try:
        instance, words = _instance(payload["file"], payload["path"], payload["fingerprint"])
        mended += words
        result = solve(instance, explain=False, **payload["arguments"])
    except InputError as error:
        return {"failure": "input", "error": str(error)}
    except UnsupportedError as error:
        return {"failure": "unsupported", "error": str(error)}
    except (CertificateError, SolverError) as error:
        return {"failure": "defect", "error": str(error)}
    except MemoryError:
        return {"failure": "memory", "error": "out of memory"}
    return {
        "termination": result.termination,
        "objective_value": result.objective_value,
        "lower_bound": result.lower_bound,
        "gap": result.gap,
        "wall_seconds": result.wall_seconds,
        "reasons": result.reasons,
        "trace": [(row.seconds, row.value, row.bound) for row in result.trace],
        "plan_text": None if result.plan is None else readable_json(result_document(instance, result)) + "\n",
    }


def _instance(file: str, path: str, fingerprint: str) -> tuple[Instance, list[str]]:
    """Read an instance, once for the items that come after each other; say what was mended in it."""
    known = _latest.get((path, fingerprint))
    if known is None:
        content = instance_content(Path(file))
        if fingerprint_of(content) != fingerprint:
            allowed = "files that stay as they are"
            raise InputError(path, [Problem("", "a content that changed during the run", allowed)])
        with warnings.catch_warnings(record=True, action="always", category=MendedWarning) as told:
            instance = parse_instance(content[""].decode(), path, Path(file).parent)
        known = instance, [str(warning.message) for warning in told]
        _latest.clear()
        _latest[path, fingerprint] = known
    return known


_latest: dict[tuple[str, str], tuple[Instance, list[str]]] = {}
