# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore calibrate SOURCE...`: cameras' thresholds by what they show."""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shiftcore import cli
from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.address import Address
from shiftcore.driver.calibration import Watch
from shiftcore.driver.commands import Backend, BuildOrModel, exported
from shiftcore.driver.run import Channel, Run, problems
from shiftcore.driver.sources import Image, check_sources, open_sources
from shiftcore.driver.terminal import Voice, interruptible, shown, stopped_by_signals
from shiftcore.driver.thresholds import read, write
from shiftcore.errors import UserError
from shiftcore.model.description import ModelDescription
from shiftcore.model.records import Result
from shiftcore.model.sampling import Wanted

THRESHOLDS = Path("thresholds.json")
WATCHED_HOURS = 24.0  # of a camera, where nobody says: a day and a night


def main(
    sources: Annotated[list[str], typer.Argument(help="cameras, or recordings of them: as of `shiftcore run`")],
    build: BuildOrModel = None,
    backend: Backend = "auto",
    alarms_per_hour: Annotated[float, typer.Option(min=0, help="no more would have been raised")] = 1.0,
    hours: Annotated[float | None, typer.Option(min=0, help="to watch; default: a camera 24, recordings all")] = None,
    camera: Annotated[
        str | None, typer.Option(help="whose recordings these are: its address, as `run` gets it")
    ] = None,
    thresholds: Annotated[Path, typer.Option(help="the file for `shiftcore run --thresholds`")] = THRESHOLDS,
) -> None:
    """Set cameras' alarm thresholds by what they show, unlabelled: the lowest that would have kept to so few alarms."""
    check_sources(sources)
    if camera is not None and len(sources) > 1:
        raise UserError("--camera names one camera: give its recordings as one file or one folder")
    build = build or exported()
    say = Voice(Console(stderr=True))
    with interruptible("no threshold is set"), Accelerator.open(build, backend) as accelerator, ExitStack() as stack:
        description = accelerator.description
        if description.alarm is None:
            raise UserError(f"{build}: its model has no alarm")
        if thresholds.exists():
            read(thresholds, description.weights)  # what is wrong with it shows now, not after a day
        rate = description.preprocess.images_per_second
        wanted = Wanted(accelerator.preprocessor().luma)
        opened = [stack.enter_context(closing(source)) for source in open_sources(sources, rate, say, wanted)]
        watches = [Watch(description.alarm, source.live) for source in opened]
        going = Run(accelerator, opened, partial(_watch, watches, hours), [], say)
        with shown(going, False, say), stopped_by_signals(opened):
            going()
        say.warn(problems(going.channels))
    names = [Address(camera).shown] if camera is not None else [source.name for source in opened]
    if not _conclude(dict(zip(names, watches, strict=True)), alarms_per_hour, thresholds, description, say):
        raise typer.Exit(cli.USER_ERROR)


def _watch(watches: Sequence[Watch], hours: float | None, channel: Channel, image: Image, result: Result) -> None:
    """Take a result in; a source that was watched for long enough ends."""
    watch, live = watches[channel.stream], channel.source.live
    watch.add(channel.clips[1], image.seconds, result.score)
    if watch.hours >= (hours if hours is not None else WATCHED_HOURS if live else math.inf):
        channel.source.stop()


def _conclude(
    watches: Mapping[str, Watch], per_hour: float, path: Path, description: ModelDescription, say: Voice
) -> bool:
    """Write what was found for each camera by its name, and say it. Returns whether that was possible for all."""
    own = description.alarm.threshold if description.alarm else 0.0
    found = {}
    for name, watch in watches.items():
        try:
            found[name] = at = watch.calibrate(per_hour)
        except UserError as error:
            say.warn([f"{name}: {error}"])
            continue
        say(
            f"{name}: threshold {at.threshold:.4f}: {at.alarms} alarms in {at.hours:.2f} h; "
            f"the model's own, {own:.4f}, would have raised {watch.alarms(own)}"
        )
        if 0 < at.hours * per_hour < 1:
            say.warn([f"{name}: {at.hours:.2f} h are too short to tell {per_hour:g} alarms an hour from none"])
    if found:
        write(path, description.weights, found)
        print(f"thresholds: {path}")
    return len(found) == len(watches)
