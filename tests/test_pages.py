"""Every block of code in README, CONTRIBUTING and docs runs, or says why it does not."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from unittest import SkipTest

import pytest

from page_blocks import pages, parsed, undeclared

ROOT = Path(__file__).resolve().parent.parent
PAGES = [str(page.relative_to(ROOT)) for page in pages(ROOT)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_or_says_why_not(page: str) -> None:
    assert undeclared(ROOT / page) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```\nrocoin-opt methods\n```\n", "line 1, column 1: a block of 'no language'"),
        ("```bash\nrocoin-opt methods\n```\n", "line 1, column 1: a block of 'bash'"),
        ("```{code-block} sh\nrocoin-opt methods\n```\n", "line 1, column 1: a block of '{code-block} sh'"),
        ("text\n\n~~~console\n$ ls\n~~~\n", "line 3, column 1: a block of 'console'"),
        ("<!-- skip: next -->\n```sh\nls\n```\n", "line 1, column 1: skip: next None"),
        ('<!-- skip: next "too long" -->\n```sh\nls\n```\n', 'line 1, column 1: skip: next "too long"'),
        ('<!-- skip: next if(1, "a good reason") -->\n```sh\nls\n```\n', "line 1, column 1: skip: next if(1"),
        ('<!-- skip: start "a good reason" -->\n```sh\nls\n```\n', 'line 1, column 1: skip: start "a good reason"'),
    ],
)
def test_a_block_that_would_not_run_is_told(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "page.md").write_text(text)
    (found,) = undeclared(tmp_path / "page.md")
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\ntrue\nfalse | cat\n```\n",
        "```python\nassert 1 == 2\n```\n",
        "```json\n{]\n```\n",
        "```text\nrocoin-opt methods\n```\n",
        "<!-- invisible-code-block: sh\nfalse\n-->\n",
        '<!-- skip: next "takes an hour" -->\n```sh\ntrue\n```\n\n```sh\nfalse\n```\n',
    ],
)
def test_a_block_that_fails_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises((AssertionError, ValueError)):
        _run(tmp_path / "page.md")


def test_blocks_share_a_folder_and_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.md").write_text(
        "```sh\necho 5 > five\n```\n"
        '```python\nfrom pathlib import Path\nread = Path("five").read_text()\n```\n'
        '<!-- skip: next "takes an hour" -->\n```sh\nfalse\n```\n'
        '```python\nassert read == "5\\n"\n```\n'
    )
    _run(tmp_path / "page.md")


@pytest.mark.pages
@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for shared in ("instances", "benchmarks"):
        (tmp_path / shared).symlink_to(ROOT / shared)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    _run(ROOT / page)


def _run(page: Path) -> None:
    for example in parsed(page):
        try:
            example.evaluate()
        except SkipTest:
            continue
