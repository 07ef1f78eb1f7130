"""Results as plain data: the content of the files and of what the commands print as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rocoin_opt.plan import plan_fields, result_document
from rocoin_opt.report import RunItems, frontier_document, replan_document, run_comparison_document

if TYPE_CHECKING:
    from collections.abc import Callable


def document_of(shown: Any) -> dict[str, Any]:
    """Return it as plain data: dictionaries, lists, texts, numbers and None."""
    return MAKERS[shown._shown_as](shown)


def _comparison(found: Any) -> dict[str, Any]:
    reference = {"name": found.instance.name, "sha256": found.instance.sha256}
    return {"instance": reference, "results": [result_document(result.instance, result) for result in found]}


MAKERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "result": lambda result: result_document(result.instance, result),
    "plan": plan_fields,
    "comparison": _comparison,
    "frontier": frontier_document,
    "replan": replan_document,
    "run": lambda run: run_comparison_document(RunItems.of(run, "run")),
}
"""Who makes what, by the name that it is shown as."""
