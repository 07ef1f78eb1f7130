"""The grouping model with a common student for each group, as a second opinion on the most groups."""

from __future__ import annotations

import pytest

from groups_oracle import is_group, most_groups, tiny
from rocoin_opt.control import Control
from rocoin_opt.formulations import grouping
from rocoin_opt.highs.models import solve_model
from rocoin_opt.planning.most_groups import max_groups
from samples import cases


def opinions(seed: int, *, rules: bool = False) -> tuple[int, int | None, int]:
    """What the model, the enumeration and the search say of one instance."""
    instance = tiny(seed, rules=rules, close=False)
    wide = instance.model_copy(update={"knowledge": instance.knowledge.model_copy(update={"num_filters": 100})})
    model = grouping.build(wide, with_students=True)
    solution = solve_model(model, Control.starting_now())
    found = [[n for n in model.N if model.member[n, k].value] for k in model.K if model.used[k].value]
    assert all(is_group(instance, group) for group in found)
    return len(found) if solution.status == "optimal" else 0, most_groups(instance), max_groups(instance).number


@pytest.mark.parametrize("seed", cases(range(6), range(6, 28)))
def test_model_enumeration_and_search_agree(seed: int) -> None:
    model, listed, searched = opinions(seed)
    assert model == (listed or 0) == searched


@pytest.mark.parametrize("seed", cases(range(6), range(6, 28)))
def test_they_agree_under_rules(seed: int) -> None:
    model, listed, searched = opinions(seed, rules=True)
    assert model == (listed or 0) == searched
