"""Links between the pages of the repository lead somewhere: to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from page_blocks import pages

if TYPE_CHECKING:
    from pathlib import Path

_CODE = re.compile(r"^(```+|~~~+|:::+\{code-cell\}).*?^\1", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_TARGET = re.compile(r"^\(([^)\s]+)\)=$", re.MULTILINE)


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead; what stands in code is no link."""
    prose = _INLINE_CODE.sub("", _CODE.sub("", text))
    return [inline or reference for inline, reference in _LINK.findall(prose)]


def anchors(text: str) -> set[str]:
    """What can stand after `#`: a heading as GitHub and MyST write it, or a target of MyST."""
    headings = re.findall(r"^#{1,6} +(.*?) *$", _CODE.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[|\]\([^)]*\)", "", heading).lower() for heading in headings]
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in plain} | set(_TARGET.findall(text))


def dead(page: Path) -> list[str]:
    """Links of a page that lead nowhere; those out of the repository are left to `sphinx-build -b linkcheck`."""
    inside = [link for link in links(page.read_text(encoding="utf-8")) if not re.match(r"[a-z]+:", link)]
    return [link for link in inside if not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    if not anchor or target.suffix != ".md":
        return target.exists()
    return target.exists() and anchor in anchors(target.read_text(encoding="utf-8"))


def test_every_link_of_every_page_leads_somewhere(repository: Path) -> None:
    looked_at = list(pages(repository))
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {page.name for page in looked_at}
    assert {page.name: dead(page) for page in looked_at if dead(page)} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](b.md) and [c](#one-two)", ["b.md"]),
        ("[c](#one-two-three)\n\n## One `two`, three", []),
        ("[c](page.md#nowhere)", ["page.md#nowhere"]),
        ("![a](b.png)\n\n[r]: c.md", ["b.png", "c.md"]),
        ("`[a](b.md)`\n\n```sh\n[a](b.md)\n```\n[x](https://host/b.md)", []),
    ],
)
def test_a_dead_link_is_found(text: str, found: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# One two\n\n{text}\n")
    assert dead(page) == found
