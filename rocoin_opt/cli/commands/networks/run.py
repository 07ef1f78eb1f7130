"""The command ``run``: a plan at work on this host, beside what was predicted of it."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocoin_opt.cli.network_options import DataPath, ImageSize, Labels, Normalise, OwnNames, data_options
from rocoin_opt.cli.options import AsJson, Deadline, InstanceFile, PlanFile, Seed, listed, refuse, require_torch
from rocoin_opt.cli.output import console, delivering, print_json, require_outputs
from rocoin_opt.wording import counted, given_seconds, number, printable, seconds

if TYPE_CHECKING:
    from rich.table import Table

    from rocoin_opt.instance import Instance
    from rocoin_opt.profiling import ValueArray

MEASURED_DIGITS, ADDED_DIGITS = 5, 3
"""Significant digits of what is measured, and of the time that the host added."""


def run(
    instance: InstanceFile,
    plan: PlanFile,
    students: Annotated[
        Path | None,
        typer.Option(
            "--students", metavar="FOLDER", help="Saved students of the plan; without them only times are measured."
        ),
    ] = None,
    own: OwnNames = None,
    data: DataPath = "auto",
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            metavar="P",
            help="Part of the data: train, validation or test.",
            show_default="test; all of images and labels in an .npz file",
        ),
    ] = None,
    normalise: Normalise = None,
    image_size: ImageSize = None,
    labels: Labels = "fine",
    requests: Annotated[int, typer.Option("--requests", metavar="N", help="Number of requests.")] = 100,
    seed: Seed = 0,
    time_scale: Annotated[
        float, typer.Option("--time-scale", metavar="X", help="Seconds on this host for each second of the instance.")
    ] = 1.0,
    deadline: Deadline = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the distributions into a .png or .svg file.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="Wait for every device, and write a log for estimate (*.csv)."),
    ] = None,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="Let no replica send on a shared channel once its group has answered."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run PLAN with one throttled process per device, and compare its response times with the prediction."""
    from rocoin_opt.cli.progress import showing_trials
    from rocoin_opt.control import ended_by_termination
    from rocoin_opt.estimation import write_request_log
    from rocoin_opt.instance import read_instance
    from rocoin_opt.plan import read_plan
    from rocoin_opt.profiling import (
        compare_with_distribution,
        comparison_document,
        execute,
        plot_execution,
        require_picture,
        require_requests,
    )

    if plot is not None:
        require_picture(plot)
    if cancel and log is not None:
        refuse("--cancel", "--log", "no log: a replica told not to send would look lost")
    # Before the run, not after it.
    read = [instance, plan]
    if students is not None:
        require_torch("students need")
        from rocoin_opt.profiling import image_files, saved_files

        read += [*saved_files(students), *image_files(data)]
    require_outputs(plot, log, inputs=read)
    require_requests(requests)
    given = read_instance(instance)
    decided = read_plan(plan, given)
    ensemble, classes = None, None
    asked: int | ValueArray = requests
    if students is not None:
        from rocoin_opt.profiling import Ensemble, labelled_images, own_networks

        ensemble = Ensemble.load(students, own=own_networks(listed(own)))
        options = data_options(normalise or ensemble.scaling, image_size, labels)
        images = labelled_images(data, part, usual="test", **options)
        ensemble.require_classes(images.num_classes, images.classes, "--data")
        # Fewer images than requests come around again.
        rows = [number % len(images.labels) for number in range(requests)]
        asked, classes = images.images[rows].numpy(), images.labels[rows].numpy()
    with ended_by_termination(), showing_trials(f"{given.name}, run", "requests") as advance:
        found = execute(
            given,
            decided,
            ensemble,
            asked,
            seed,
            deadline=deadline,
            time_scale=time_scale,
            report=lambda state: advance(state.done, state.total),
            with_log=log is not None,
            cancel=cancel,
        )
    document = comparison_document(found, compare_with_distribution(found, given, decided))
    if classes is not None and found.predictions is not None:
        document["accuracy"] = float((found.predictions == classes).mean())
    with delivering() as deliver:
        if log is not None and found.log is not None:
            deliver(write_request_log, log, found.log)
        if plot is not None:
            deliver(plot_execution, plot, found, given, decided)
        if as_json:
            print_json(document)
        else:
            _print(given, document)


def _print(given: Instance, document: dict[str, Any]) -> None:

    terminal = console()
    terminal.print(
        printable(
            f"{given.name}: {document['requests']} requests, deadline {given_seconds(document['deadline_seconds'])}"
        ),
        markup=False,
    )
    terminal.print(_table(document))
    for line in _remarks(document):
        terminal.print(printable(line), markup=False)


def _table(document: dict[str, Any]) -> Table:
    from rocoin_opt.plan import plain_table

    table = plain_table("", numbers=("measured", "95 % interval", "predicted", "error"))
    quantile = f"{100 * document['quantile']['probability']:g} % quantile"
    for name, field, shown in (
        ("mean of min(X, D)", "expected_seconds", seconds),
        (quantile, "quantile", seconds),
        ("success by D", "success_probability", number),
    ):
        figure = document[field]
        measured, low, high, predicted = (figure[key] for key in ("measured", "low", "high", "predicted"))
        error = f"{100 * (measured / predicted - 1):+.2f} %" if predicted else "-"
        ends = f"{shown(low, MEASURED_DIGITS)} to {shown(high, MEASURED_DIGITS)}"
        table.add_row(name, shown(measured, MEASURED_DIGITS), ends, shown(predicted, MEASURED_DIGITS), error)
    return table


def _remarks(document: dict[str, Any]) -> list[str]:

    due = document["expected_seconds"]["due"]
    added = (document["expected_seconds"]["measured"] - due) * document["time_scale"]
    distance, band = document["distance"], document["band"]
    verdict = "within" if distance <= band else "OUTSIDE of"
    lines = [
        f"with the same crashes and delays a perfect host would have had a mean of {seconds(due, MEASURED_DIGITS)}: "
        f"this one added {seconds(added, ADDED_DIGITS)} of its own time to a request",
        f"the distribution is {verdict} the 95 % band: distance {distance:.3f}, band {band:.3f}",
    ]
    if document["late_students"]:
        needed = document["needed_time_scale"]
        scale = "a larger --time-scale" if needed is None else f"--time-scale {_rounded_up(needed)} or more"
        lines.append(
            f"{counted(document['late_students'], 'first answer')} came late because the student is slower here than "
            f"in the instance: take {scale}"
        )
    if document["lost"]:
        lines.append(f"processes that ended during the run: {', '.join(document['lost'])}")
    if "accuracy" in document:
        lines.append(f"accuracy of the answers by the deadline: {100 * document['accuracy']:.2f} %")
    return lines


def _rounded_up(value: float) -> str:
    """The next number of two digits."""
    unit = Decimal(1).scaleb(Decimal(value).adjusted() - 1)
    return f"{(Decimal(value) / unit).to_integral_value(ROUND_CEILING) * unit:f}"
