"""Code blocks of the pages, parsed by Sybil: what each language means, and which blocks declare why they do not run."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from typing import TYPE_CHECKING

from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sybil import Example

# Directives that show code and run none of it. Code cells run while the site is built.
_UNRUN = re.compile(r"\{(code|code-block|sourcecode|literalinclude|parsed-literal)\}")
_FENCE = RawFencedCodeBlockLexer(re.compile(r"(?P<info>[^\n]*)\n"))
_WORDS_OF_A_REASON = 3


def _run_shell(example: Example) -> str | None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else f"exit status {done.returncode} of\n{example.parsed}\n{done.stdout}"


def _read_json(example: Example) -> None:
    json.loads(example.parsed)


def _look_at(example: Example) -> str | None:
    commands = [line for line in example.parsed.splitlines() if re.match(r"\$ |(rocoin-opt|pip|python3?) ", line)]
    return f"commands belong into a block of sh: {commands}" if commands else None


MEANINGS = {
    "sh": _run_shell,
    "python": PythonEvaluator(),
    "json": _read_json,
    "text": _look_at,
}


def pages(repository: Path) -> Iterator[Path]:
    """Every page of the repository, in a fixed order."""
    yield from sorted(repository.glob("*.md"))
    yield from sorted(p for p in (repository / "docs").rglob("*.md") if "_build" not in p.relative_to(repository).parts)


def parsed(page: Path) -> Document:
    """The page with each block that runs, is read or is left out for a reason, in the order of the page."""
    return Document.parse(str(page), SkipParser(), *(CodeBlockParser(name, run) for name, run in MEANINGS.items()))


def undeclared(page: Path) -> list[str]:
    """What looks tested but is not: blocks of unknown languages, and blocks left out without a reason."""
    document = parsed(page)
    faults = []
    for fence in _FENCE(document):
        info = fence.lexemes["info"].strip()
        if info not in MEANINGS and (not info.startswith("{") or _UNRUN.match(info)):
            faults.append(f"{document.line_column(fence.start)}: a block of {info or 'no language'!r}")
    for _, region in document.regions:
        if not isinstance(region.parsed, tuple):
            continue
        action, reason = region.parsed
        if action != "next" or not _is_reason(reason):
            faults.append(f"{document.line_column(region.start)}: skip: {action} {reason}")
    return faults


def _is_reason(text: str | None) -> bool:
    try:
        reason = ast.literal_eval(text or "None")
    except (SyntaxError, ValueError):
        return False
    return isinstance(reason, str) and len(reason.split()) >= _WORDS_OF_A_REASON
