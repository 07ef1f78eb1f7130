"""Failure domains: sums over the states of what devices share, by eliminating one domain after another.

Given which domains are up, groups are independent. A *table* holds what the groups of a set do in each state of the
domains that it depends on. To eliminate a domain, the tables that depend on it are joined into one, which is then
averaged over the domain's two states. The work is 2 to the power of the most domains that a joined table depends on:
domains that do not meet in a group never multiply.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rocoin_opt.instance import FloatArray

MAX_JOINT_DOMAINS = 16
"""Most failure domains that are conditioned on at once."""


@dataclass(frozen=True, eq=False)
class Table:
    """What some groups do, by the states of some domains.

    Attributes
    ----------
    groups : tuple of int
        The groups, in the order in which they were joined.
    domains : tuple of int
        The domains, ascending.
    values : FloatArray, 2 x ... x 2 x (payload)
        One axis for each domain, up before down, then what they do.
    """

    groups: tuple[int, ...]
    domains: tuple[int, ...]
    values: FloatArray

    def spread(self, domains: Sequence[int]) -> FloatArray:
        """The values with an axis for each of more domains, of length 1 where they do not matter."""
        shape = tuple(2 if d in self.domains else 1 for d in domains)
        return self.values.reshape(shape + self.values.shape[len(self.domains) :])


def elimination_order(scopes: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """Order of the domains that starts with the one met by the fewest others, again and again.

    Parameters
    ----------
    scopes : iterable of sets of int
        The domains that each table depends on.

    Raises
    ------
    UnsupportedError
        If more than :data:`MAX_JOINT_DOMAINS` would have to be conditioned on at once.
    """
    left = [set(scope) for scope in scopes]
    order: list[int] = []
    while domains := sorted(set().union(*left)):
        joined: dict[int, set[int]] = {d: set() for d in domains}
        for scope in left:
            for d in scope:
                joined[d] |= scope
        # Who meets the fewest makes the smallest table; its number settles ties, the same way everywhere.
        domain = min(domains, key=lambda d: (len(joined[d]), d))
        if len(joined[domain]) > MAX_JOINT_DOMAINS:
            raise UnsupportedError(
                f"{len(joined[domain])} failure domains tie groups together, and the exact distribution conditions "
                f"on {MAX_JOINT_DOMAINS} at most: simulate instead"
            )
        left = [scope for scope in left if domain not in scope] + [joined[domain] - {domain}]
        order.append(domain)
    return tuple(order)


def can_eliminate(scopes: Sequence[set[int]]) -> bool:
    """Whether so few domains have to be conditioned on at once, given those that each group meets."""
    counts = Counter(domain for scope in scopes for domain in scope)
    try:
        # A domain that a group has for itself ties it to nobody.
        elimination_order([{domain for domain in scope if counts[domain] > 1} for scope in scopes])
    except UnsupportedError:
        return False
    return True


def eliminate(
    tables: Sequence[Table],
    order: Iterable[int],
    failure: Mapping[int, float],
    join: Callable[[FloatArray, FloatArray], FloatArray],
) -> Table:
    """Join all tables to one that depends on no domain.

    Parameters
    ----------
    tables : sequence of Table
        At least one.
    order : iterable of int
        Every domain of the tables once; see :func:`elimination_order`.
    failure : mapping
        Failure probability of each domain.
    join : callable
        Joins the payloads of two independent sets of groups; leading axes broadcast.
    """
    left = list(tables)
    for domain in order:
        joined = _joined([table for table in left if domain in table.domains], join)
        axis = joined.domains.index(domain)
        up, down = np.moveaxis(joined.values, axis, 0)
        rest = joined.domains[:axis] + joined.domains[axis + 1 :]
        mixed = (1.0 - failure[domain]) * up + failure[domain] * down
        left = [table for table in left if domain not in table.domains] + [Table(joined.groups, rest, mixed)]
    return _joined(left, join)


def _joined(tables: Sequence[Table], join: Callable[[FloatArray, FloatArray], FloatArray]) -> Table:
    result = tables[0]
    for table in tables[1:]:
        domains = tuple(sorted({*result.domains, *table.domains}))
        groups = result.groups + table.groups
        result = Table(groups, domains, join(result.spread(domains), table.spread(domains)))
    return result
