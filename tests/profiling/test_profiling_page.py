"""What the page on profiling shows is true."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command

from rocoin_opt.cli.app import app
from rocoin_opt.instance.device_files import read_device_file


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "profiling.md").read_text(encoding="utf-8")


def test_the_device_file_is_one(page, tmp_path):
    (content,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "devices.json").write_text(content)
    assert len(read_device_file(tmp_path / "devices.json").devices) == 7


def test_every_option_is_described(page):
    command = get_command(app).commands["profile"]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    table = page.split("## What a network costs")[0]
    assert {name for name in options if f"`{name} " not in table and f"`{name}`" not in table} == {"--help"} & options
