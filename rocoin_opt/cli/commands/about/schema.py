"""The command ``schema``: what a file may hold, for other programs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from rocoin_opt.cli.options import refuse


def schema(
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", help="instance, plan, devices or export.")
    ] = "instance",
) -> None:
    """Print the JSON Schema of instance files, plan files, device files or export manifests."""
    from rocoin_opt.instance import device_file_schema, instance_schema
    from rocoin_opt.plan import plan_schema
    from rocoin_opt.profiling import manifest_schema

    schemas = {
        "instance": instance_schema,
        "plan": plan_schema,
        "devices": device_file_schema,
        "export": manifest_schema,
    }
    if document not in schemas:
        refuse("DOCUMENT", repr(document), f"one of {', '.join(schemas)}")
    print(json.dumps(schemas[document](), indent=2))
