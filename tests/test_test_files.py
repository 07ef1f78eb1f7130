"""Every module that solves or judges has a test file in its place, or a named one that covers it."""

from __future__ import annotations

import re
from pathlib import Path

from house import FILES, PACKAGE

TESTS = Path(__file__).resolve().parent
ROOMS = ("grouping", "heuristics", "exact", "planning", "failure")

COVERED_ELSEWHERE = {
    "exact/answer/joint_search": "exact/answer/test_answer_joint",
    "exact/answer/packing_search": "exact/answer/test_answer_packing",
    "exact/answer/plans": "exact/answer/test_answer_method",
    "exact/answer/problem": "exact/answer/test_answer_method",
    "exact/expected/levelled": "exact/expected/test_expected_nodes",
    "exact/expected/prices": "exact/expected/test_group_counts",
    "exact/expected/success_program": "exact/expected/test_success_relaxation",
    "exact/channels/all_replicas": "exact/channels/test_channel_packing",
    "exact/channels/jobs": "exact/channels/test_channel_packing",
    "exact/channels/leaders": "exact/channels/test_channel_packing",
    "exact/channels/packing": "exact/channels/test_channel_packing",
    "exact/channels/rounding": "exact/channels/test_air_relaxation",
    "exact/channels/sets": "exact/channels/test_channels_search",
    "exact/frontier_search": "planning/test_frontier",
    "exact/kinds/least_work": "exact/kinds/test_kinds_answer",
    "exact/kinds/packing": "exact/kinds/test_kinds_search",
    "exact/kinds/plans": "exact/kinds/test_kinds_search",
    "exact/kinds/sets": "exact/kinds/test_kinds_answer",
    "exact/lexicographic/least_work": "exact/lexicographic/test_order",
    "exact/lexicographic/part_rules": "planning/test_frontier_restricted",
    "exact/lexicographic/part_search": "exact/lexicographic/test_part_boxes",
    "exact/lexicographic/set_packing": "exact/lexicographic/test_part_sizes",
    "exact/stochastic/packing": "exact/stochastic/test_stochastic_search",
    "exact/threshold/column_list": "exact/threshold/test_enumeration",
    "exact/threshold/completion": "exact/threshold/test_packing",
    "exact/threshold/listed_columns": "exact/threshold/test_listed_packing",
    "exact/threshold/numbers/alike_groups": "exact/threshold/numbers/test_demand",
    "exact/threshold/numbers/largest_groups": "exact/threshold/numbers/test_demand_packing",
    "exact/threshold/wasting": "exact/threshold/numbers/test_demand_packing",
    "exact/restricted/changed_sets": "exact/test_milp_restricted",
    "exact/restricted/sized_sets": "planning/test_frontier_restricted",
    "exact/restricted/energy_packing": "exact/restricted/test_energy_search",
    "exact/restricted/energy_relaxation": "exact/restricted/test_energy_search",
    "exact/restricted/within_energy": "planning/test_measured_devices",
    "failure/claims": "plan/test_plan_files",
    "failure/distribution/groups": "failure/distribution/test_answer_time",
    "failure/distribution/outcomes": "failure/distribution/test_domains",
    "failure/distribution/tabulation": "failure/distribution/test_convolution",
    "failure/monte_carlo/compiled": "failure/monte_carlo/test_simulation",
    "failure/monte_carlo/compiled_queues": "failure/monte_carlo/test_monte_carlo_queues",
    "failure/monte_carlo/kernel": "failure/monte_carlo/test_simulation",
    "failure/monte_carlo/system": "failure/monte_carlo/test_simulation",
    "failure/monte_carlo/trials": "failure/monte_carlo/test_simulation",
    "failure/what_if/derivatives": "failure/what_if/test_sensitivity",
    "failure/what_if/differences": "failure/what_if/test_sensitivity",
    "failure/what_if/guarantees": "failure/what_if/test_sensitivity",
    "failure/what_if/variants": "failure/what_if/test_replica_value",
    "grouping/candidate_search": "heuristics/test_lp_rounding",
    "grouping/columns": "exact/lexicographic/test_order",
    "grouping/covering/covering_knapsack_compiled": "grouping/covering/test_covering_knapsack",
    "grouping/durations": "test_time_limits",
    "grouping/kinds/covers": "grouping/kinds/test_alike",
    "grouping/kinds/problem": "grouping/kinds/test_alike",
    "grouping/kinds/relaxation": "grouping/kinds/test_alike",
    "grouping/pricing": "grouping/test_relaxation",
    "grouping/stochastic/shares": "grouping/stochastic/test_stochastic_problem",
    "heuristics/add_replicas": "heuristics/test_greedy",
    "heuristics/baselines/follow_the_leader": "heuristics/baselines/test_rocoin",
    "heuristics/baselines/groups": "heuristics/baselines/test_nonn",
    "heuristics/baselines/het_nonn": "heuristics/baselines/test_nonn",
    "heuristics/baselines/table": "planning/test_solve",
    "heuristics/construction": "heuristics/test_greedy",
    "heuristics/restricted/spares": "heuristics/restricted/test_spares_by_hand",
    "heuristics/stochastic_exchange": "grouping/stochastic/test_stochastic_problem",
    "heuristics/work_descent": "exact/lexicographic/test_order",
    "planning/conflicts/any_plan": "planning/test_conflicts",
    "planning/conflicts/loads": "planning/test_measured_devices",
    "planning/conflicts/members": "planning/test_conflicts",
    "planning/conflicts/scales": "planning/test_conflicts",
    "planning/conflicts/why_not": "planning/test_conflicts",
    "planning/compare": "planning/test_solve",
    "planning/methods/alike": "exact/kinds/test_kinds_search",
    "planning/methods/answers": "planning/test_whole_answers",
    "planning/workers/peer_process": "planning/workers/test_team",
    "planning/methods/table": "planning/test_solve",
    "planning/partition": "knowledge/test_partition",
    "planning/request": "planning/test_solve",
    "planning/methods/under_laws": "planning/test_random_latencies",
}
"""Modules without a test file of their name, and the file that tests them."""


def has_file_of_its_name(module: str) -> bool:
    """Whether ``test_MODULE`` stands in its place, or ``test_FOLDER_MODULE`` where another folder has that name."""
    path = Path(module)
    return any((TESTS / path.parent / f"test_{name}.py").is_file() for name in (path.name, "_".join(path.parts[-2:])))


def test_every_module_has_its_test_file() -> None:
    paths = [path.relative_to(PACKAGE) for path in FILES.values() if path.name != "__init__.py"]
    modules = {path.with_suffix("").as_posix() for path in paths if path.parts[0] in ROOMS}
    assert set(COVERED_ELSEWHERE) <= modules
    assert sorted(module for module in modules if not has_file_of_its_name(module)) == sorted(COVERED_ELSEWHERE)
    assert [file for file in COVERED_ELSEWHERE.values() if not (TESTS / f"{file}.py").is_file()] == []


def test_names_of_test_files_are_unique() -> None:
    names = sorted(path.name for path in TESTS.rglob("test_*.py"))
    assert names == sorted(set(names))


def test_test_files_stand_in_rooms_of_the_package() -> None:
    folders = {path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    assert [folder for folder in sorted(folders) if not (PACKAGE / folder).is_dir()] == []


def test_test_files_name_no_module_that_is_gone() -> None:
    named = {
        name
        for path in TESTS.rglob("*.py")
        for name in re.findall(r"from (rocoin_opt[\w.]*) import", path.read_text("utf-8"))
    }
    assert sorted(named - set(FILES)) == []
