"""The public interface as text: names, signatures and fields of Python, commands and options of the command line.

``python tests/public_interface.py`` writes it to ``public_interface.txt`` beside this file. Python's part is read off
the source, so that it is the same under every version of Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import griffe
import typer

from rocoin_opt.cli.app import app
from rocoin_opt.planning.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
STORED = Path(__file__).with_suffix(".txt")


def interface() -> str:
    """Every line of the interface, in a fixed order."""
    return "\n".join(("# Python", *_python(), "", "# Methods", *_methods(), "", "# Commands", *_commands())) + "\n"


def _python() -> Iterator[str]:
    package = griffe.load("rocoin_opt", search_paths=[ROOT], resolve_aliases=True)
    members = package.modules_collection
    waiting = sorted((_target(package[str(name)]) for name in package.exports or ()), key=lambda member: member.name)
    seen = {member.path for member in waiting}
    while waiting:
        found = waiting.pop(0)
        yield ""
        # A public name is pinned by its public path, and what it takes, gives or holds by its name alone: modules are
        # free to move.
        yield from _described(found, found.name)
        mentioned = {path for path in _mentioned(found) if path.startswith("rocoin_opt.")}
        reached = {member.path: member for member in (_target(members[path]) for path in mentioned)}
        fresh = [member for path, member in reached.items() if path not in seen and not member.name.startswith("_")]
        seen.update(member.path for member in fresh)
        waiting += sorted(fresh, key=lambda member: member.name)


def _target(member: Any) -> Any:
    return member.final_target if member.is_alias else member


def _described(member: Any, name: str) -> Iterator[str]:
    if member.is_function:
        yield f"def {name}{_signature(member)}"
    elif member.is_class:
        yield f"class {name}({', '.join(str(base) for base in member.bases)})"
        for decorator in member.decorators:
            yield f"    @{decorator.value}"
        for key, inner in _members(member):
            if inner.is_function:
                marks = "".join(f"{mark} " for mark in ("classmethod", "staticmethod") if mark in inner.labels)
                yield f"    {marks}def {key}{_signature(inner)}"
            else:
                yield f"    {'property ' if 'property' in inner.labels else ''}{key}{_typed(inner)}"
    else:
        yield f"{name}{_typed(member)}"


def _members(member: Any) -> Iterator[tuple[str, Any]]:
    for key, inner in member.all_members.items():
        # A dataclass has its constructor from its fields, and the annotations of Pydantic's configuration are no data.
        made = key == "__init__" and ("dataclass" in member.labels or inner.is_alias)
        if key != "model_config" and not made and (key in ("__init__", "__call__") or not key.startswith("_")):
            yield key, _target(inner)


def _signature(function: Any) -> str:
    parts: list[str] = []
    kinds = griffe.ParameterKind
    starred = False
    for parameter in function.parameters:
        if parameter.kind is kinds.keyword_only and not starred:
            parts.append("*")
        starred = starred or parameter.kind in (kinds.keyword_only, kinds.var_positional)
        stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}.get(parameter.kind, "")
        note = "" if parameter.annotation is None else f": {parameter.annotation}"
        default = "" if parameter.default is None or stars else f" = {_value(parameter.default)}"
        parts.append(f"{stars}{parameter.name}{note}{default}")
    result = "" if function.returns is None else f" -> {function.returns}"
    return f"({', '.join(parts)}){result}"


def _typed(attribute: Any) -> str:
    note = "" if attribute.annotation is None else f": {attribute.annotation}"
    # What a constructor sets is its own affair, and the registry's entries stand below, under methods.
    set_inside = attribute.labels == {"instance-attribute"} or attribute.name == "METHODS"
    return note if set_inside or attribute.value is None else f"{note} = {_value(attribute.value)}"


def _value(expression: Any) -> str:
    # A named constant of the package is a default by its value.
    if isinstance(expression, griffe.ExprName) and expression.canonical_path.startswith("rocoin_opt."):
        constant = _target(expression.parent.modules_collection[expression.canonical_path])
        if constant.is_attribute and constant.value is not None:
            return str(constant.value)
    return str(expression)


def _mentioned(member: Any) -> Iterator[str]:
    inner = [found for _, found in _members(member)] if member.is_class else [member]
    for found in inner:
        if found.is_function:
            expressions = [found.returns, *(parameter.annotation for parameter in found.parameters)]
        else:
            expressions = [found.annotation, found.value if "TypeAlias" in str(found.annotation) else None]
        for expression in expressions:
            if isinstance(expression, griffe.Expr):
                yield from (
                    name.canonical_path for name in expression.iterate(flat=True) if isinstance(name, griffe.ExprName)
                )


def _methods() -> Iterator[str]:
    for name, method in METHODS.items():
        yield f"{name}: {', '.join(sorted(method.objectives))}"


def _commands() -> Iterator[str]:
    commands = vars(typer.main.get_command(app))["commands"]
    for name in sorted(commands):
        yield ""
        yield f"rocoin-opt {name}"
        for parameter in commands[name].params:
            given = " ".join((*parameter.opts, *parameter.secondary_opts))
            if not given.startswith("-"):
                given = parameter.metavar or given
            elif not parameter.is_flag:
                given += f" {parameter.metavar}"
            repeated = ", repeatable" if parameter.multiple or parameter.nargs != 1 else ""
            fallback = "required" if parameter.required else f"default {_shown(parameter.default)}"
            yield f"    {given}: {fallback}{repeated}"


def _shown(default: object) -> str:
    return str(default) if isinstance(default, Path) else repr(default)


if __name__ == "__main__":
    STORED.write_text(interface(), encoding="utf-8")
