"""Rules of a user's own on which devices may serve, and with whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rocoin_opt.documents import Items, Model, fault
from rocoin_opt.instance.fields import Count, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Kind: TypeAlias = Literal["apart", "together", "use", "spare", "spread"]
Identifiers = Annotated[Items[Identifier], Field(min_length=1)]


class Rule(Model):
    """One rule: exactly one of its fields is given.

    Examples
    --------
    >>> str(ro.Rule(apart=("device-0", "device-1")))
    'apart device-0, device-1'
    """

    KINDS: ClassVar[tuple[Kind, ...]] = ("apart", "together", "use", "spare", "spread")
    """What a rule can be, by the names of its fields."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    apart: Identifiers | None = None
    """No two of these devices are in one group."""
    together: Identifiers | None = None
    """All of these devices are in one group, or all are spare."""
    use: Identifiers | None = None
    """Each of these devices is in some group."""
    spare: Identifiers | None = None
    """None of these devices is in a group."""
    spread: Count | None = None
    """The devices of each group lie in at least so many failure domains; one in none counts as one of its own."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [kind for kind in self.KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            allowed = f"exactly one of {', '.join(self.KINDS)}"
            raise fault("", ", ".join(given) or "nothing", allowed)
        seen: set[str] = set()
        for position, name in enumerate(self.devices):
            if name in seen:
                raise fault(f"{given[0]}[{position}]", name, "each device once")
            seen.add(name)
        return self

    @model_serializer(mode="wrap")
    def _as_given(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = fields(self)
        return {kind: value for kind, value in written.items() if value is not None}

    @property
    def kind(self) -> Kind:
        """Which rule it is."""
        return next(kind for kind in self.KINDS if getattr(self, kind) is not None)

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices that it names; none for ``spread``."""
        return self.apart or self.together or self.use or self.spare or ()

    def without(self, lost: Iterable[str]) -> Rule | None:
        """The rule without some devices; None if it names no others."""
        if self.spread is not None:
            return self
        gone = set(lost)
        left = tuple(name for name in self.devices if name not in gone)
        return Rule.model_validate({self.kind: left}) if left else None

    def __str__(self) -> str:
        return f"{self.kind} {self.spread if self.spread is not None else ', '.join(self.devices)}"


def resolved(rules: Sequence[Rule], meant: Mapping[str, Sequence[str]]) -> tuple[Rule, ...]:
    """The rules with the devices that their names mean: of an entry with a count, all.

    Parameters
    ----------
    rules : sequence of Rule
        As they are given.
    meant : mapping
        By name the identifiers of devices.

    Raises
    ------
    PydanticCustomError
        Naming the field, where a name means no device, a device stands twice, or is both to be used and to be spare.
    """
    used = {name for rule in rules for given in rule.use or () for name in meant.get(given, ())}
    found = []
    for place, rule in enumerate(rules):
        names: dict[str, None] = {}
        for position, given in enumerate(rule.devices):
            field = f"rules[{place}].{rule.kind}[{position}]"
            if given not in meant:
                raise fault(field, given, "the id of a device")
            for name in meant[given]:
                if name in names:
                    raise fault(field, name, "each device once")
                if rule.spare and name in used:
                    raise fault(field, name, "a device that no other rule wants to use")
                names[name] = None
        found.append(rule if rule.spread is not None else rule._replace({rule.kind: tuple(names)}))
    return tuple(found)


def fingerprint_of(rules: Iterable[Rule]) -> list[list[Any]]:
    """The rules as what they say, whatever the order in which they say it."""
    said: list[list[Any]] = [[rule.kind, rule.spread or sorted(rule.devices)] for rule in rules]
    return sorted(said, key=str)


@dataclass(frozen=True)
class Restrictions:
    """The rules by device indices.

    Attributes
    ----------
    apart : tuple of frozensets
        Of each set one device is in a group, at most.
    together : tuple of frozensets
        Disjoint sets of two devices or more: each is in one group as a whole, or spare as a whole.
    use, spare : frozenset
        Devices that are in a group, and that are in none.
    spread : int
        Failure domains that each group lies in, at least.
    """

    apart: tuple[frozenset[int], ...]
    together: tuple[frozenset[int], ...]
    use: frozenset[int]
    spare: frozenset[int]
    spread: int

    @classmethod
    def of(cls, rules: Sequence[Rule], index: Mapping[str, int]) -> Restrictions:
        """Read rules, given the index of each device."""

        def named(kind: str) -> Iterator[frozenset[int]]:
            return (frozenset(index[name] for name in rule.devices) for rule in rules if rule.kind == kind)

        return cls(
            apart=tuple(names for names in named("apart") if len(names) > 1),
            together=_merged(names for names in named("together") if len(names) > 1),
            use=frozenset().union(*named("use")),
            spare=frozenset().union(*named("spare")),
            spread=max((rule.spread or 1 for rule in rules), default=1),
        )

    @property
    def used_bits(self) -> int:
        """The devices in use as bits."""
        return sum(1 << n for n in self.use)

    @property
    def of_groups(self) -> bool:
        """Whether some rule asks how devices are grouped, or used: all but ``spare``, which takes devices away."""
        return bool(self.apart or self.together or self.use or self.spread > 1)


def _merged(sets: Iterable[frozenset[int]]) -> tuple[frozenset[int], ...]:
    """Unite sets that share a device: what is together with both is together."""
    merged: list[frozenset[int]] = []
    for names in sets:
        touching = [other for other in merged if other & names]
        merged = [other for other in merged if not other & names]
        merged.append(names.union(*touching))
    return tuple(merged)
