"""What others cite: the file says the version and the paper."""

from __future__ import annotations

import re
from importlib.metadata import version


def test_the_citation_names_this_version_and_the_paper(repository):
    told = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", told, re.MULTILINE) == [version("rocoin-opt")]
    assert "https://arxiv.org/abs/2406.14185" in told
    paper = re.search(r"title: (Failure-Resilient .*)$", told, re.MULTILINE)
    assert paper is not None
    assert paper[1] in (repository / "docs" / "faq.md").read_text(encoding="utf-8")
