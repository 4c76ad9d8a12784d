# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore replay FOLDER`: run a saved difference again, each frame beside the reference."""

from pathlib import Path
from typing import Annotated

import typer

from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.compare import MODEL, Difference, first_difference, read_case
from shiftcore.driver.device import Flight
from shiftcore.driver.errors import BuildError
from shiftcore.model.reference import Reference


def replay(folder: Path | str, backend: str = "auto") -> list[Difference]:
    """Run the frames of a difference that `compare=True` saved, in their order and streams, on the build that it lies
    in; return what differs now. Chip and reference begin each stream with its first saved frame; that is as many before
    the last one as its logits depend on.

    Raises BuildError when `folder` is no such folder, or its build has changed since.
    """
    folder = Path(folder)
    case, frames = read_case(folder)
    build = folder.resolve().parent.parent
    with Accelerator.open(build, backend) as accelerator:
        if accelerator.manifest.build_hash != case["build_hash"]:
            now = accelerator.manifest.build_hash
            raise BuildError(f"{folder}: saved on build {case['build_hash']}, but {build} is build {now} now")
        accelerator.load(folder / MODEL, case.get("bank", 0))
        for context in case["contexts"]:
            accelerator.use(context["stream"], case.get("bank", 0))
        reference = Reference.load(folder / MODEL)
        flights = {}
        differences = []
        for frame, context in zip(frames, case["contexts"], strict=True):
            frame_id = accelerator.submit(frame, context["stream"], context["clear"])
            flights[frame_id] = Flight(context["frame_id"], context["stream"], context["clear"], None, frame=frame)
        while flights:
            for result in accelerator.results(wait_s=1.0):
                flight = flights.pop(result.frame_id)
                assert flight.frame is not None
                expected = reference.infer(flight.frame, result.stream, result.clear)
                difference = first_difference(flight, result.logits, expected)
                differences += [difference] if difference else []
    return differences


def main(
    folder: Annotated[Path, typer.Argument(help="the folder that a difference was saved in")],
    backend: Annotated[str, typer.Option(help="board, rtl, reference or auto")] = "auto",
) -> None:
    """Run a saved difference again."""
    differences = replay(folder, backend)
    for difference in differences:
        print(difference)
    if differences:
        raise typer.Exit(1)
    print("no difference")
