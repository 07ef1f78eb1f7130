"""What the figures say, in sentences whose numbers are taken from the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studies.cases import LONE
from studies.reading import answers, families, having, losses, sizes
from studies.summaries import paired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from studies.columns import Floats
    from studies.summaries import Pairs

STEPS = ("grouping", "sizes", "matching")


def findings(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield the findings, one a sentence or two."""
    yield lone(results)
    yield decomposition(results)
    yield beaten(results)
    yield from surest(results)
    yield without_replicas(results)
    yield from for_expected(results)
    for family in results["sweep"]:
        yield planless(results, family)


def lone(results: Mapping[str, Any]) -> str:
    """How often a plan without replicas keeps the outage limit."""
    counts = {method: [0, 0, 0] for method in LONE}
    for case in results["plans"].values():
        for method, count in counts.items():
            limited, lifted = (case["runs"][f"{method} {how}"]["ended"] for how in ("guaranteed", "no limit"))
            for place, number in enumerate((having(limited), having(lifted), len(limited))):
                count[place] += number
    said = "; ".join(
        f"`{method}` keeps the outage limit on {kept} of {count} instances, and has a plan on {found} once it is lifted"
        for method, (kept, found, count) in counts.items()
    )
    return f"Without replicas, all sizes: {said}."


def decomposition(results: Mapping[str, Any]) -> str:
    """How large the loss of decomposition is, and which step makes most of it."""
    devices, *larger = sizes(results)
    texts = []
    for parts, text in (("level", "equal parts"), ("cut", "parts by normalised cut")):
        names = [name for name in cases(results, devices) if parts in results["stages"][name]]
        if not names:
            continue
        found = {step: pooled(losses(results, name, parts)[step] for name in names) for step in (*STEPS, "all")}
        loss = found["all"][np.isfinite(found["all"])] - 1.0
        means = ", ".join(f"{step} {geometric(found[step]):.2f}" for step in STEPS)
        lower, middle, upper = 100.0 * np.quantile(loss, [0.25, 0.5, 0.75])
        texts.append(
            f"with {text} its median is {middle:.0f} %, its quartiles {lower:.0f} % and {upper:.0f} % over {len(loss)} "
            f"instances, the factors of its steps {means} (geometric means), together {geometric(found['all']):.2f}"
        )
    more = []
    for count in larger:
        loss = pooled(losses(results, name, "level")["all"] for name in cases(results, count)) - 1.0
        more.append(f"{100.0 * np.nanmedian(loss):.0f} % ({count} devices)")
    beyond = f" With equal parts and more devices the median is {', '.join(more)}." if more else ""
    return f"Loss of decomposition, {devices} devices: {'; '.join(texts)}.{beyond}"


def beaten(results: Mapping[str, Any]) -> str:
    """Where the earliest guaranteed plan has the smaller success probability."""
    names = cases(results, sizes(results)[0])
    mine, other = (
        [-answers(results, name, f"{method} guaranteed", "success") for name in names] for method in ("rocoin", "exact")
    )
    against = total(map(paired, mine, other))
    return (
        f"{sizes(results)[0]} devices: the plan of `rocoin` answers by the deadline with a larger probability than "
        f"`exact`'s plan of least guaranteed latency on {against.better} instances, with the same on {against.equal}, "
        f"with a smaller one on {against.worse}."
    )


def surest(results: Mapping[str, Any]) -> Iterator[str]:
    """What planning for few failures changes, by number of devices, and whether another plan answers more often."""
    for devices in sizes(results):
        names = cases(results, devices)
        runs = results["plans"][names[0]]["runs"]
        if "exact failure" not in runs:
            continue
        ended = "".join(results["plans"][name]["runs"]["exact failure"]["ended"] for name in names)
        mine, earliest, *others = (
            # Without a plan there is no answer.
            np.nan_to_num(pooled(answers(results, name, run, "failure") for name in names), nan=1.0)
            for run in ("exact failure", "exact guaranteed", *runs)
            if not run.endswith(" no limit")
        )
        beaten_by = int((np.min(others, axis=0) < mine).sum())
        yield (
            f"{devices} devices: planning for few failures, `exact` proved {ended.count('o')} of {len(ended)} plans. "
            f"On {beaten_by} instances another plan within the outage limit answers by the deadline with a larger "
            f"probability. Against its plans of least guaranteed latency the failures fall by "
            f"{100 * (1 - np.median(mine / earliest)):.0f} % in the median."
        )


def without_replicas(results: Mapping[str, Any]) -> str:
    """Where the plan without replicas has the smaller expected latency."""
    names = cases(results, sizes(results)[0])
    texts = []
    for run, text in (("exact guaranteed", "of least guaranteed latency"), ("exact expected", "for expected latency")):
        mine, other = ([answers(results, name, r, "expected") for name in names] for r in ("het-nonn no limit", run))
        beside = total(map(paired, mine, other))
        texts.append(f"than `exact`'s plan {text} on {beside.better} of {sum(beside[:3])} instances")
    return (
        f"{sizes(results)[0]} devices: the plan of `het-nonn` without the outage limit has a smaller expected latency "
        f"{', and '.join(texts)}."
    )


def for_expected(results: Mapping[str, Any]) -> Iterator[str]:
    """What planning for the expected answer time changes, by number of devices."""
    for devices in sizes(results):
        names = [n for n in cases(results, devices) if "exact expected" in results["plans"][n]["runs"]]
        if not names:
            continue
        ended = "".join(results["plans"][name]["runs"]["exact expected"]["ended"] for name in names)
        mine, other, greedy = (
            pooled(answers(results, name, run, "expected") for name in names)
            for run in ("exact expected", "exact guaranteed", "greedy expected")
        )
        yield (
            f"{devices} devices: planning for expected latency, `exact` proved {ended.count('o')} of {len(ended)} "
            "plans; they lower the expected latency of its plans of least guaranteed latency by "
            f"{100 * (1 - np.nanmedian(mine / other)):.1f} % in the median. `greedy` for expected latency is "
            f"{100 * np.nanmedian(greedy / mine - 1):.1f} % above it in the median, "
            f"{100 * np.nanmax(greedy / mine - 1):.1f} % at worst."
        )


def planless(results: Mapping[str, Any], family: str) -> str:
    """How many instances have no plan within the outage limit at the largest failure probability."""
    probability, runs = list(results["sweep"][family]["probabilities"].items())[-1]
    ended = runs["exact guaranteed"]["ended"]
    missing = len(ended) - having(ended)
    return (
        f"Family `{family}`, all devices failing with probability {probability}: `exact` found no plan within the "
        f"outage limit on {missing} of {len(ended)} instances, and proved on {ended.count('i')} that there is none."
    )


def cases(results: Mapping[str, Any], devices: int) -> list[str]:
    """Families of a size, as the document names them."""
    return [f"{family}-{devices}" for family in families(results, devices)]


def pooled(columns: Iterable[Floats]) -> Floats:
    """Columns one after another."""
    return np.concatenate(list(columns))


def total(pairs: Iterable[Pairs]) -> Pairs:
    """The sum of comparisons."""
    every: list[Pairs] = list(pairs)
    kind: Callable[..., Pairs] = type(every[0])
    return kind(*(sum(values) for values in zip(*every, strict=True)))


def geometric(factors: Floats) -> float:
    """Geometric mean of the factors that there are."""
    return float(np.exp(np.log(factors[np.isfinite(factors)]).mean()))
