"""The rules of who may share a group, read off dicts or objects, and looked up in groups; sets are whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance.model import Instance

KINDS = ("apart", "together", "use", "spare", "spread")


def mask_of(members: Iterable[int]) -> int:
    """A set of indices as a whole number, a bit for each."""
    return sum(1 << n for n in members)


def members_of(mask: int) -> tuple[int, ...]:
    """Indices in a whole number."""
    return tuple(n for n in range(mask.bit_length()) if mask >> n & 1)


def read_rule(rule: Any) -> tuple[str, Any]:
    """Kind and content of a rule: an object of one field, or a dict of one key."""
    fields = rule if isinstance(rule, dict) else {kind: getattr(rule, kind, None) for kind in KINDS}
    [(kind, content)] = [(kind, content) for kind, content in fields.items() if content is not None]
    assert kind in KINDS, f"no rule is called {kind}"
    return kind, content


class Rules:
    """Rules of one instance, those of its own first."""

    def __init__(self, instance: Instance, rules: Iterable[Any] = ()) -> None:
        ids = [device.id for device in instance.devices]
        self.domains = [device.failure_domain for device in instance.devices]
        read = [read_rule(rule) for rule in (*(getattr(instance, "rules", None) or ()), *rules)]
        self.rules = [
            (kind, content if kind == "spread" else mask_of({ids.index(name) for name in content}))
            for kind, content in read
        ]
        self.used = 0
        """Devices that must serve."""
        for kind, listed in self.rules:
            self.used |= listed if kind == "use" else 0

    def spread(self, group: int) -> int:
        """Failure domains in which devices lie; one in none is a domain of its own."""
        domains = [self.domains[n] for n in members_of(group)]
        return len({domain for domain in domains if domain is not None}) + domains.count(None)

    def group_may(self, group: int) -> bool:
        """Whether a group breaks no rule, whatever the others are; ``use`` alone remains to be asked of the plan."""
        for kind, content in self.rules:
            if kind == "apart" and (group & content).bit_count() > 1:
                return False
            if kind == "together" and group & content not in (0, content):
                return False
            if kind == "spare" and group & content:
                return False
            if kind == "spread" and self.spread(group) < content:
                return False
        return True

    def broken(self, groups: Sequence[int]) -> list[int]:
        """Rules that disjoint groups break, by their place."""
        return [place for place, rule in enumerate(self.rules) if not self._keeps(rule, groups)]

    def _keeps(self, rule: tuple[str, int], groups: Sequence[int]) -> bool:
        kind, content = rule
        serving = sum(groups)
        if kind == "apart":
            return all((group & content).bit_count() <= 1 for group in groups)
        if kind == "together":
            return not serving & content or any(group & content == content for group in groups)
        if kind == "use":
            return serving & content == content
        if kind == "spare":
            return not serving & content
        return all(self.spread(group) >= content for group in groups)
