"""The family ``tight``: bins cut into pieces, so that the most groups are known by construction."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import rocoin_opt as ro
from rocoin_opt.errors import InputError
from rocoin_opt.instance.generate import generate, tight
from rocoin_opt.planning.most_groups import max_groups
from samples import cases


@pytest.mark.parametrize(("pieces", "number"), [(3, 1), (12, 4), (13, 4), (31, 10), (8, 8), (20, 2)])
def test_bins_are_cut_into_whole_pieces_that_none_is_too_short(pieces, number):
    cut = tight.bins(np.random.default_rng(5), pieces, number)
    assert [sum(lengths) for lengths in cut] == [tight.LENGTH] * number
    assert sum(map(len, cut)) == pieces
    assert max(map(len, cut)) - min(map(len, cut)) <= 1
    assert all(min(lengths) >= int(tight.LEAST * tight.LENGTH / len(lengths)) >= 1 for lengths in cut)


@pytest.mark.parametrize("seed", cases(range(3), range(8)))
def test_as_many_groups_as_bins_are_the_most_there_can_be(seed):
    instance = generate("tight", devices=10 + seed % 9, seed=seed)
    groups = instance.requirements.max_groups
    assert instance.requirements.min_groups == groups == instance.knowledge.num_filters
    # All shares together make so many covers, and one device less makes fewer.
    shares = instance.arrays.cover_share
    assert groups <= shares.sum() < groups + 1e-3
    assert shares.sum() - shares.min() < groups
    found = max_groups(instance)
    assert (found.number, found.termination) == (groups, "optimal")
    assert found.plan is not None
    assert found.plan.spares == ()


@pytest.mark.parametrize("seed", range(3))
def test_no_sum_below_a_bin_covers(seed):
    instance = generate("tight", devices=9, seed=seed)
    limit = Fraction(instance.requirements.max_group_outage)
    probabilities = [Fraction(device.failure_probability) for device in instance.devices]
    lengths = np.rint(tight.LENGTH * instance.arrays.cover_share).astype(int).tolist()
    for mask in range(1, 1 << 9):
        inside = [n for n in range(9) if mask >> n & 1]
        outage = Fraction(1)
        for n in inside:
            outage *= probabilities[n]
        assert (outage <= limit) == (sum(lengths[n] for n in inside) >= tight.LENGTH)


def test_more_filters_than_groups_leave_a_choice_of_sizes():
    instance = generate("tight", devices=12, filters=20, seed=1)
    assert (instance.knowledge.num_filters, instance.max_groups) == (20, 4)
    assert [student.max_filters for student in instance.students] == [10]
    result = ro.solve(instance, "exact")
    assert result.termination == "optimal"
    assert sum(result.plan.sizes) == 20


@pytest.mark.parametrize("options", [{"filters": 1}, {"filters": 9, "max_groups": 9}, {"max_group_outage": 1e-9}])
def test_options_are_kept(options):
    instance = generate("tight", devices=12, **options)
    groups = options.get("max_groups", min(options.get("filters", 4), 4))
    assert (instance.requirements.min_groups, instance.requirements.max_groups) == (groups, groups)
    assert instance.requirements.max_group_outage == options.get("max_group_outage", 0.04)
    assert max_groups(instance).number == groups


def test_numbers_are_short_and_what_breaks_the_bins_is_refused():
    instance = generate("tight", devices=40, seed=2, graph=True, slowdowns=True)
    assert all(d.failure_probability == float(f"{d.failure_probability:.6g}") < 1.0 for d in instance.devices)
    assert instance.name == "tight-40-2"
    for option in ({"domains": 3}, {"kinds": 3}, {"energy": True}):
        with pytest.raises(InputError, match=next(iter(option))):
            generate("tight", devices=12, **option)
