"""The command ``estimate``: failure probabilities and slowdown laws of devices, from a log of requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocoin_opt.cli.options import AsJson, Seed, refuse
from rocoin_opt.cli.output import console, delivering, print_json, require_matrices, require_outputs
from rocoin_opt.wording import NOTHING, counted, engineering, listed, seconds, small_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from rocoin_opt.estimation import DeviceEstimates, TimeEstimate
    from rocoin_opt.instance import Fleet, Instance

SHOWN = 50
"""Most devices that the table lists."""
NAMED = 5
"""Most devices that a remark names."""


def estimate(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="Log with a row for each request and device (*.csv).")],
    devices: Annotated[
        Path,
        typer.Option(
            "--devices", metavar="BASE", help="Device or instance file with everything else, such as rates and memory."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write: a device or an instance file, like BASE.")
    ],
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="C", help="Probability with which all upper limits hold together.")
    ] = 0.95,
    point: Annotated[
        bool, typer.Option("--point", help="Write the shares of lost requests instead of upper limits.")
    ] = False,
    laws: Annotated[
        str,
        typer.Option(
            "--laws",
            metavar="L",
            help="Slowdown laws: auto (the likeliest that fits, else measured factors), empirical (measured factors) "
            "or none (those of BASE).",
        ),
    ] = "auto",
    link_rates: Annotated[
        bool, typer.Option("--link-rates", help="Write the link rates in LOG, where it has bytes.")
    ] = False,
    seed: Seed = 0,
    traces: Annotated[
        Path | None,
        typer.Option("--traces", metavar="FILE", help="Write the requests as traces for evaluate (*.npz)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate failure probabilities, with a margin, and slowdown laws from LOG; write devices to plan with."""
    from rocoin_opt.estimation import LAWS, estimate_devices, traces_of
    from rocoin_opt.failure import write_traces
    from rocoin_opt.instance import Instance, companions, matrix_files
    from rocoin_opt.plan import plain_text

    require_outputs(out, traces, inputs=[log, devices])
    wanted = [name for name in LAWS if name == laws]
    if not wanted:
        refuse("--laws", repr(laws), f"one of {', '.join(LAWS)}")
    base = _base(devices)
    beside: list[Path] = []
    if isinstance(base, Instance):
        # The matrices of the base are read too, and go with an instance that is written into another folder.
        require_outputs(out, traces, inputs=matrix_files(base, devices))
        require_matrices(out, base, inputs=[log, devices], results=[traces])
        beside = companions(out, base)
    found = estimate_devices(
        log,
        base.devices,
        confidence=confidence,
        point=point,
        laws=wanted[0],
        link_rates=link_rates,
        seed=seed,
    )
    replayed = None if traces is None else traces_of(found)
    with delivering() as deliver:
        written = [out, *beside] if deliver(_write, out, base, found) else []
        if traces is not None and replayed is not None and deliver(write_traces, traces, replayed):
            written.append(traces)
        if as_json:
            print_json(found.document())
            return
        terminal = console()
        terminal.print(_table(found))
        for line in _remarks(found):
            terminal.print(plain_text(line))
        if replayed is not None:
            left_out = len(found.log.requests) - replayed.requests
            terminal.print(
                plain_text(
                    f"traces of {counted(replayed.requests, 'request')} on {counted(len(replayed.devices), 'device')}"
                    + (f"; {left_out} were not sent to all of them" if left_out else "")
                )
            )
        if written:
            terminal.print(plain_text(f"written: {', '.join(map(str, written))}"))


def _write(path: Path, base: Instance | Fleet, found: DeviceEstimates) -> None:
    from rocoin_opt.instance import Instance, write_device_file, write_instance

    if isinstance(base, Instance):
        write_instance(path, base.with_devices(found.devices))
    else:
        write_device_file(path, base._replace({"devices": found.devices}))


def _base(path: Path) -> Instance | Fleet:
    """Read a device file, or an instance file, by the format that it says it has."""
    from rocoin_opt.documents import parse_json, read_text
    from rocoin_opt.instance import FORMAT, parse_instance, read_device_file

    text = read_text(path)
    document = parse_json(text, str(path))
    if isinstance(document, dict) and document.get("format") == FORMAT:
        return parse_instance(text, str(path), path.parent)
    return read_device_file(path, precision_bits=None)


def _table(found: DeviceEstimates) -> Table:
    from rocoin_opt.plan import plain_table, plain_text

    table = plain_table("device", numbers=("requests", "lost", "share lost", f"limit at {found.level:.6g}"))
    for name in ("compute time", "transfer time"):
        table.add_column(name)
    for estimate in found.estimates[:SHOWN]:
        rate = estimate.link_bits_per_second
        table.add_row(
            plain_text(estimate.device.id),
            *(str(estimate.requests), str(estimate.losses)),
            *(small_share(estimate.share_lost), small_share(estimate.limit)),
            _law(estimate.compute, ""),
            _law(estimate.link, "" if rate is None else engineering(rate, "bit/s")),
        )
    return table


def _law(found: TimeEstimate | None, rate: str) -> str:
    """A law in words, with what it multiplies and the p-value of the test."""
    if found is None:
        return NOTHING
    nominal = rate or seconds(found.nominal)
    match found.law:
        case None:
            return f"as given, median {nominal}"
        case law if law.law == "constant":
            return f"constant, {nominal}"
        case law if law.law == "empirical":
            return f"as measured, median {nominal}"
        case law:
            (parameter,) = law.model_dump(exclude={"law"}).values()
            return f"{law.law} {parameter:.3g}, {nominal}, p {found.p_value:.2g}"


def _remarks(found: DeviceEstimates) -> Iterator[str]:
    """What to know of the estimates, each remark once with all devices that it concerns."""
    if (hidden := len(found.estimates) - SHOWN) > 0:
        yield f"and {counted(hidden, 'more device')}, see --json"
    written = "shares lost, without a margin" if found.point else "limits"
    yield (
        f"failure probabilities written: {written}; all limits hold together with confidence {found.confidence:g}, "
        "if the requests of a device fail independently"
    )
    remarks: dict[str, list[str]] = {}
    for estimate in found.estimates:
        for note in estimate.notes:
            remarks.setdefault(note, []).append(estimate.device.id)
    for note, names in remarks.items():
        more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
        yield f"{listed([*names[:NAMED], *more])}: {note}"
