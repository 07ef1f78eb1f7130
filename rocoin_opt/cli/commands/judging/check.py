"""The command ``check``: whether a plan keeps the rules, and its figures are right."""

from __future__ import annotations

import typer

from rocoin_opt.cli.options import InstanceFile, PlanFile
from rocoin_opt.cli.output import complain
from rocoin_opt.wording import printable

VIOLATIONS = 1
"""Exit status: something is wrong with the plan."""


def check(instance: InstanceFile, plan: PlanFile) -> None:
    """Check PLAN against INSTANCE, and list every violation, one per line."""
    from rocoin_opt.failure import check as find_violations
    from rocoin_opt.failure import check_claims
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import other_state, read_plan_document

    given, document = read_instance(instance), read_plan_document(plan)
    # What a broken plan claims of itself cannot be computed anew.
    violations = find_violations(given, document.plan) or check_claims(given, document)
    for violation in violations:
        print(violation)
    if violations and (reason := other_state(document, given)):
        complain(f"{plan}: {reason}")
    if violations:
        raise typer.Exit(VIOLATIONS)
    claims = document.metrics is not None or document.solve is not None
    figures = "every figure in it agrees with the evaluator" if claims else "it states no figures"
    if document.metrics is not None and document.metrics.expected_accuracy is not None:
        figures += "; expected_accuracy was measured, and is not checked"
    print(printable(f"{plan}: a valid plan for {given.name}; {figures}"))
