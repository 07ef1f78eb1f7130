"""Why there is no plan: requirements and rules that cannot hold together, and what would do in the place of each."""

from __future__ import annotations

from typing import TypeAlias

from rocoin_opt.documents import Items, Model
from rocoin_opt.wording import listed

Value: TypeAlias = int | float | str | Items[str]


class ConflictMember(Model):
    """One requirement or rule of a conflict.

    Examples
    --------
    >>> member = ro.ConflictMember(path="requirements.max_groups", found=1, would_do=2, description="at most 1 group")
    >>> member.would_do
    2
    """

    path: str
    """Field of the instance, ``requirements.max_group_outage`` or ``rules[2]``; ``[*]`` stands for all of a list."""
    found: Value
    """What stands there: of a rule what it says, of all memories the factor 1, of all capacities the smallest."""
    would_do: Value | None = None
    """The nearest value with which there is a plan while everything else stays; null where none is known, and for
    rules that have none in between: they are to be taken away."""
    helps: bool | None = None
    """Whether some other value does, or for a rule whether there is a plan without it, while everything else stays;
    null where that was not decided."""
    is_nearest: bool = False
    """Whether it is proven that no stricter value would do; of outages, probabilities and factors, none with three
    significant digits."""
    is_needed: bool = False
    """Whether it is proven that without this one the others can hold together."""
    description: str
    """The requirement or rule in words."""
    remedy: str | None = None
    """The change in words, to stand behind "with" or "without"."""


class Conflict(Model):
    """Requirements and rules that provably cannot hold together, whatever the others are.

    Examples
    --------
    >>> member = ro.ConflictMember(path="requirements.max_groups", found=1, description="at most 1 group")
    >>> ro.Conflict(members=(member,), irreducible=True).irreducible
    True
    """

    members: Items[ConflictMember] = ()
    """The requirements and rules; none where it was not decided in time whether there is a plan at all."""
    irreducible: bool = False
    """Whether it is proven that each of them is needed for the conflict."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Sentences that describe the conflict, and what would help."""
        if not self.members:
            return ("conflict: whether there is a plan was not decided in time",)
        return (f"conflict: {self._clash()}", *(_remedy(member) for member in self.members))

    def _clash(self) -> str:
        names = listed([member.description for member in self.members])
        if len(self.members) == 1:
            return f"{names} alone rules out every plan"
        if self.irreducible:
            return f"{names} cannot hold together; each of them is needed for that"
        return f"{names} cannot hold together; whether each of them is needed for that is not proven"


def _remedy(member: ConflictMember) -> str:
    if member.helps is None:
        return f"remedy: whether a change of {member.description} alone helps is not known"
    if not member.helps or member.remedy is None:
        return f"remedy: no change of {member.description} alone helps; something else rules out every plan, too"
    doubt = "" if member.is_nearest else "; whether a smaller change would do is not proven"
    return f"remedy: {member.remedy} there is a plan{doubt}"
