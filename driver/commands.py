# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run SOURCE...` and `shiftcore selftest`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shiftcore import cli, extensions, process
from shiftcore.artifacts import build_folder
from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.company import accompanied
from shiftcore.driver.events import Event, JsonLines, Spool
from shiftcore.driver.mqtt import Broker, Mqtt
from shiftcore.driver.record import Recorder
from shiftcore.driver.run import Channel, Run, as_json, caption, problems
from shiftcore.driver.selftest import selftest as checks
from shiftcore.driver.sources import Image, Source, check_sources, open_sources
from shiftcore.driver.terminal import Voice, interruptible, shown, stopped_by_signals
from shiftcore.driver.thresholds import read as read_thresholds
from shiftcore.errors import UserError
from shiftcore.model.alarm import RAISED
from shiftcore.model.description import ModelDescription
from shiftcore.model.records import Result
from shiftcore.model.sampling import Wanted

PRESET = "cctv"  # what runs where no build is named
FILE_RATE = 25  # frames per second of a recorded video, where the model takes every frame


Build = Annotated[Path, typer.Option(help="a build folder, build/PRESET/BOARD")]
BuildOrModel = Annotated[
    Path | None, typer.Option(help=f"a build folder, build/PRESET/BOARD, or an exported model.npz; default: {PRESET}'s")
]
EventsFile = Annotated[
    str | None, typer.Option(help="a file for alarm events, one JSON object a line; - for standard output")
]
CaFile = Annotated[Path | None, typer.Option(help="the certificate that signed the broker's; else the system's")]
SpoolFolder = Annotated[
    Path | None, typer.Option(help="where events wait for the broker; default: spool/ in the build")
]
Sinks = Annotated[list[str] | None, typer.Option(help="NAME[=ARGUMENT]: another package's sink for alarms; repeatable")]
MqttLoad = Annotated[bool, typer.Option("--mqtt-load", help="let whoever may publish there send another model")]
ShadowModel = Annotated[Path | None, typer.Option(help="a candidate (.npz) beside the model; leaves a report of both")]
Thresholds = Annotated[Path | None, typer.Option(help="a threshold a camera: a file that `shiftcore calibrate` wrote")]
Backend = Annotated[str, typer.Option(help="auto, board, rtl (the Verilated chip), or reference (NumPy)")]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    sources: Annotated[list[str], typer.Argument(help="video files, folders of them, rtsp://..., /dev/videoN")],
    build: BuildOrModel = None,
    backend: Backend = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="check each result against the reference")] = False,
    record: Annotated[Path | None, typer.Option(help="an MP4 file for the frames with the score on them")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a frame on standard output, no table")] = False,
    events: EventsFile = None,
    mqtt: Annotated[
        str | None, typer.Option(help="a broker for alarm events: mqtt://[USER:PASSWORD@]HOST[:PORT], mqtts:// for TLS")
    ] = None,
    mqtt_ca: CaFile = None,
    spool: SpoolFolder = None,
    sink: Sinks = None,
    thresholds: Thresholds = None,
    mqtt_load: MqttLoad = False,
    shadow: ShadowModel = None,
) -> None:
    """Run videos or cameras, one stream each, through a build, or without --build through the shipped model."""
    check_sources(sources)
    build = build or exported()
    broker = _broker(mqtt, mqtt_ca, mqtt_load)
    say = Voice(Console(stderr=True))
    with interruptible(), Accelerator.open(build, backend, compare) as accelerator, ExitStack() as stack:
        rate = accelerator.description.preprocess.images_per_second
        outputs = _Outputs(stack, say)
        outputs.report(events, broker, spool or _folder(build) / "spool", sink or [])
        outputs.record(record, len(sources), rate or FILE_RATE)
        outputs.print_frames(json)
        opened = _opened(stack, sources, accelerator, record is not None, say)
        own = partial(_thresholds, opened, thresholds, say)
        going = Run(accelerator, opened, outputs.show, outputs.publishers, say, own(accelerator.description))
        stack.enter_context(accompanied(going, build, own, broker if mqtt_load else None, shadow))
        with shown(going, json or events == "-", say), stopped_by_signals(opened):
            going()
        say.warn(problems(going.channels))
    lost = list(outputs.lost())
    say.warn(lost)
    if lost or any(source.problems for source in opened):
        raise typer.Exit(cli.USER_ERROR)


def _broker(address: str | None, ca: Path | None, loads: bool) -> Broker | None:
    """The broker at an address, if there is one. Raises UserError as `Broker.parse`, and where it is missing although
    it `loads`."""
    if address is None and loads:
        raise UserError("--mqtt-load: from which broker? give --mqtt as well")
    return Broker.parse(address, ca) if address is not None else None


def _opened(stack: ExitStack, sources: Sequence[str], accelerator: Accelerator, seen: bool, say: Voice) -> list[Source]:
    """The sources, closed with `stack`, as the model takes their images; `seen`: and people."""
    rate = accelerator.description.preprocess.images_per_second
    wanted = Wanted(accelerator.preprocessor().luma, shown=seen)
    return [stack.enter_context(closing(source)) for source in open_sources(sources, rate, say, wanted)]


def _thresholds(
    sources: Sequence[Source], path: Path | None, say: Voice, description: ModelDescription
) -> dict[str, float]:
    """The thresholds of the file at `path` for a model, by sources' names; says which of these `sources` it does not
    name."""
    if path is None:
        return {}
    cameras = read_thresholds(path, description.weights)
    for source in sources:
        if source.name not in cameras:
            say(f"{source.name}: not in {path}; it has the model's own threshold")
    return {name: calibration.threshold for name, calibration in cameras.items()}


def selftest(build: Build, backend: Backend = "auto") -> None:
    """Check a chip: NumPy, identity, registers, known frames, counters, errors. Exit code 1 when anything is wrong."""
    console, failed, count = Console(soft_wrap=True, highlight=False), 0, 0
    for check in checks(build, backend):
        word = "[green]ok  [/]" if check.passed else "[bold red]FAIL[/]"
        console.print(f"{word}  {escape(check.name)}" + (f"  [dim]{escape(check.detail)}[/]" if check.detail else ""))
        count += 1
        failed += not check.passed
    console.print(f"{count - failed} of {count} checks passed")
    if failed:
        raise typer.Exit(1)


def exported() -> Path:
    """The integer model of the shipped `PRESET`, exported first if that was not done yet. Raises UserError with what
    the export said where it cannot be."""
    model = build_folder() / PRESET / "export" / "model.npz"
    if not model.is_file():
        print(f"exporting {PRESET}, once ...", file=sys.stderr)
    done = process.run([sys.executable, "-m", "shiftcore", "export", "--preset", PRESET])
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1].removeprefix("error: ")
        raise UserError(f"no --build is given, and {PRESET} cannot be exported here: {why}")
    return model


def _folder(build: Path) -> Path:
    return build if build.is_dir() else build.parent


class _Outputs:
    """Where results and events go: lines of JSON, recordings, a broker. Each is closed with `stack`."""

    def __init__(self, stack: ExitStack, say: Voice) -> None:
        self.publishers: list[Callable[[Event], None]] = []
        self._stack, self._say = stack, say
        self._frames: JsonLines | None = None
        self._recorders: list[Recorder] = []
        self._files: list[JsonLines] = []
        self._spool: Spool | None = None

    def report(self, events: str | None, broker: Broker | None, spool: Path, sinks: Sequence[str]) -> None:
        """Events to a file, "-" or, without either, lines above the table; to a broker, if any, and other sinks."""
        for sink in sinks:
            self._report_to(sink)
        if events is None:
            self.publishers.append(lambda event: self._say(_sentence(event)))
        else:
            self.publishers.append(self._lines(events).publish)
        if broker is not None:
            self._spool = Spool(spool, self._say)
            mqtt = Mqtt(broker, self._spool, self._say)
            self._stack.callback(self._close_mqtt, mqtt, spool)
            self.publishers.append(mqtt.publish)

    def _report_to(self, named: str) -> None:
        """Events to the sink of another package, NAME or NAME=ARGUMENT (docs/extending.md)."""
        name, _, argument = named.partition("=")
        known = extensions.found("sinks")
        if name not in known:
            raise UserError(f"--sink {name}: no installed package offers it; there are {', '.join(known) or 'none'}")
        other = extensions.load("sinks", name)(argument, self._say)
        self.publishers.append(other.publish)
        if hasattr(other, "close"):
            self._stack.callback(other.close)

    def record(self, path: Path | None, count: int, rate: float) -> None:
        """A video for each source: out.mp4, or out.0.mp4, out.1.mp4 ... for several."""
        if path is None:
            return
        paths = [path] if count == 1 else [path.with_suffix(f".{index}{path.suffix}") for index in range(count)]
        for name in paths:
            self._recorders.append(Recorder(name, rate, self._say))
            self._stack.callback(self._recorders[-1].close)

    def print_frames(self, wanted: bool) -> None:
        """A line of JSON for each frame, on standard output, if `wanted`."""
        self._frames = self._lines("-") if wanted else None

    def show(self, channel: Channel, image: Image, result: Result) -> None:
        """What happens with each result: a line of JSON, a recorded frame."""
        if self._frames:
            self._frames.publish(as_json(channel, image, result))
        if self._recorders:
            text = caption(channel, image, result)
            assert image.shown is not None
            self._recorders[channel.stream].add(image.shown, text, channel.state == RAISED)

    def lost(self) -> Iterator[str]:
        """What found no room on a disk until it was closed, a line each."""
        for lines in self._files:
            if lines.lost:
                yield f"{lines.name}: {lines.lost} lines could not be written and are lost"
        for recorder in self._recorders:
            if recorder.lost:
                yield f"{recorder.path}: {recorder.lost} frames could not be written"
        if self._spool and self._spool.lost:
            yield f"{self._spool.folder}: {self._spool.lost} events could neither be sent nor written and are lost"

    def _lines(self, path: str) -> JsonLines:
        lines = JsonLines(path, self._say)
        self._files.append(lines)
        self._stack.callback(lines.close)
        return lines

    def _close_mqtt(self, mqtt: Mqtt, spool: Path) -> None:
        left = mqtt.close()
        if left:
            self._say(f"{left} events wait in {spool}; the next run with --mqtt sends them")


def _sentence(event: Event) -> str:
    what = "ALARM" if event["event"] == "begin" else "alarm ended"
    return f"{event['source']} at {event['seconds']:.2f} s: {what}: {event['class']}, score {event['score']:.2f}"
