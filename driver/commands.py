# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore run SOURCE...`, `shiftcore run site.toml`, `shiftcore serve` and `shiftcore selftest`."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shiftcore import cli, process
from shiftcore.artifacts import PACKAGE_FOLDER, build_folder, digest, kept
from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.address import Address
from shiftcore.driver.build import state_folder
from shiftcore.driver.company import accompanied
from shiftcore.driver.feeding.link import PORT, Answer, BoardKeys
from shiftcore.driver.feeding.listener import Listener
from shiftcore.driver.record import Recorder
from shiftcore.driver.run import Channel, as_json, caption, problems
from shiftcore.driver.selftest import selftest as checks
from shiftcore.driver.service.secrets import hidden
from shiftcore.driver.service.service import Service
from shiftcore.driver.service.site import Site, is_site, of_sources, read_site
from shiftcore.driver.sinks import Foreign, Settings, Sinks
from shiftcore.driver.sinks.lines import FileSettings, JsonLines
from shiftcore.driver.sinks.mqtt import Broker, MqttSettings
from shiftcore.driver.sinks.said import SaidSettings
from shiftcore.driver.sources import Image, Source, check_sources
from shiftcore.driver.terminal import Voice, interruptible, shown, stopped_by_signals
from shiftcore.driver.thresholds import read as read_thresholds
from shiftcore.errors import UserError
from shiftcore.model import decoders
from shiftcore.model.alarm import RAISED
from shiftcore.model.description import ModelDescription
from shiftcore.model.records import Result
from shiftcore.model.sampling import Wanted

PRESET = "cctv"  # what runs where no build is named
SHIPPED = PACKAGE_FOLDER / "quant" / "pretrained" / f"{PRESET}.npz"  # what `shiftcore export` makes of its weights
FILE_RATE = 25  # frames per second of a recorded video, where the model takes every frame


Sources = Annotated[
    list[str], typer.Argument(help="video files, folders of them, rtsp://..., /dev/videoN; or a site.toml")
]
Build = Annotated[Path, typer.Option(help="a build folder, build/PRESET/BOARD")]
BuildOrModel = Annotated[
    Path | None, typer.Option(help=f"a build folder, build/PRESET/BOARD, or an exported model.npz; default: {PRESET}'s")
]
EventsFile = Annotated[
    str | None, typer.Option(help="a file for alarm events, one JSON object a line; - for standard output")
]
Compare = Annotated[bool, typer.Option("--compare", help="check each result against the reference")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a frame on standard output, no table")]
BrokersAddress = Annotated[
    str | None, typer.Option(help="a broker for alarm events: mqtt://[USER:PASSWORD@]HOST[:PORT], mqtts:// for TLS")
]
CaFile = Annotated[Path | None, typer.Option(help="the certificate that signed the broker's; else the system's")]
SpoolFolder = Annotated[
    Path | None, typer.Option(help="where events wait for the broker; default: spool/ in the build")
]
OtherSinks = Annotated[
    list[str] | None, typer.Option(help="NAME[=ARGUMENT]: another package's sink for alarms; repeatable")
]
MqttLoad = Annotated[bool, typer.Option("--mqtt-load", help="let whoever may publish there send another model")]
ShadowModel = Annotated[Path | None, typer.Option(help="a candidate (.npz) beside the model; leaves a report of both")]
Thresholds = Annotated[Path | None, typer.Option(help="a threshold a camera: a file that `shiftcore calibrate` wrote")]
Backend = Annotated[str, typer.Option(help="auto, board, rtl (the Verilated chip), or reference (NumPy)")]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    sources: Sources,
    build: BuildOrModel = None,
    backend: Backend = "auto",
    compare: Compare = False,
    record: Annotated[Path | None, typer.Option(help="an MP4 file for the frames with the score on them")] = None,
    json: Json = False,
    events: EventsFile = None,
    mqtt: BrokersAddress = None,
    mqtt_ca: CaFile = None,
    spool: SpoolFolder = None,
    sink: OtherSinks = None,
    thresholds: Thresholds = None,
    mqtt_load: MqttLoad = False,
    shadow: ShadowModel = None,
) -> None:
    """Run videos or cameras, one stream each, through a build, or without --build through the shipped model."""
    say = Voice(Console(stderr=True))
    site, again = _site(sources, say)
    loads = _broker(mqtt, mqtt_ca) if mqtt_load else None
    more = _sinks(events, mqtt, mqtt_ca, sink or [])
    quiet = json or events == "-"
    given = _Given(build, backend, compare, record, json, quiet, more, spool, thresholds, loads, shadow)
    _watch(say, site, again, given)


def serve(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    cameras: Annotated[list[str] | None, typer.Argument(help="names of the cameras to take; default: any")] = None,
    build: BuildOrModel = None,
    backend: Backend = "auto",
    compare: Compare = False,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="where feeders connect to")] = PORT,
    keys: Annotated[
        Path | None, typer.Option(help="the folder with this board's keys; default: feeding/ in the build")
    ] = None,
    json: Json = False,
    events: EventsFile = None,
    mqtt: BrokersAddress = None,
    mqtt_ca: CaFile = None,
    spool: SpoolFolder = None,
    sink: OtherSinks = None,
    thresholds: Thresholds = None,
    mqtt_load: MqttLoad = False,
    shadow: ShadowModel = None,
) -> None:
    """Take cameras that other machines decode and shrink (`shiftcore feed`), and run them like one's own."""
    more = _sinks(events, mqtt, mqtt_ca, sink or [])
    loads = _broker(mqtt, mqtt_ca) if mqtt_load else None
    quiet = json or events == "-"
    given = _Given(build, backend, compare, None, json, quiet, more, spool, thresholds, loads, shadow)
    _watch(Voice(Console(stderr=True)), Site({}, {}), None, given, _Door(port, keys, cameras or ()))


@dataclass(frozen=True)
class _Given:
    """Options of a command line that `run` and `serve` share. `quiet`: no table, since standard output has another
    use; `loads`: the broker that may send another model."""

    build: Path | None
    backend: str
    compare: bool
    record: Path | None
    json: bool
    quiet: bool
    sinks: Mapping[str, Settings]
    spool: Path | None
    thresholds: Path | None
    loads: Broker | None
    shadow: Path | None


@dataclass(frozen=True)
class _Door:
    """Where feeders come in: the `port`, the folder with the board's `keys`, and the `cameras` that are taken, any
    where there are none."""

    port: int
    keys: Path | None
    cameras: Sequence[str]

    def opened(self, accelerator: Accelerator, keep: Path, say: Voice) -> Listener:
        """It, open; says how feeders find in."""
        keys = BoardKeys.of(self.keys or keep / "feeding")
        spec, prepare = accelerator.description, accelerator.preprocessor()
        answer = Answer(prepare.height, prepare.width, prepare.luma, spec.preprocess.images_per_second)
        listener = Listener(self.port, keys, answer, accelerator.streams, say, self.cameras)
        say(f"port {listener.port} takes whoever has {keys.feeders}: shiftcore feed SOURCE... --to HOST --key FILE")
        return listener


def _watch(say: Voice, site: Site, again: Callable[[], Site] | None, given: _Given, door: _Door | None = None) -> None:
    """The cameras of `site`, and those that come through the `door`, until they end."""
    if site.cameras and (notice := decoders.need_one()):
        say(notice)
    chosen = given.build or site.build or exported()
    keep = site.state or state_folder(chosen)
    banks = 1 + len(site.models)
    banks += given.shadow is not None and banks > 1  # of one alone the candidate has none
    with interruptible(), ExitStack() as stack:
        accelerator = stack.enter_context(Accelerator.open(chosen, given.backend, given.compare, banks))
        rate = accelerator.description.preprocess.images_per_second
        frames = _Frames(stack, say, given.json)
        frames.record(given.record, len(site.cameras), rate or FILE_RATE)
        sinks = stack.enter_context(closing(Sinks(keep / "spool", say)))
        listener = stack.enter_context(closing(door.opened(accelerator, keep, say))) if door else None
        service = Service(
            accelerator, site, sinks, say, on_result=frames.show, more=given.sinks,
            spools={"--mqtt": given.spool or keep / "spool"},
            wanted=Wanted(accelerator.preprocessor().luma, shown=given.record is not None),
            thresholds=partial(_thresholds, site, given.thresholds, say), door=listener,
        )  # fmt: skip
        stack.callback(service.close)
        going = service.going
        stack.enter_context(accompanied(going, chosen, service.switch, given.loads, given.shadow))
        with shown(going, given.quiet, say), stopped_by_signals(going.sources, listener), service.read_anew(again):
            going()
        say.warn(problems(going.channels))
    _end([*sinks.losses, *frames.lost()], going.sources, say)


def _end(lost: Sequence[str], sources: Sequence[Source], say: Voice) -> None:
    """Say what is `lost`. Exit code 2 where anything is, or a source had problems."""
    say.warn(lost)
    if lost or any(source.problems for source in sources):
        raise typer.Exit(cli.USER_ERROR)


def _site(sources: list[str], say: Voice) -> tuple[Site, Callable[[], Site] | None]:
    """What is to be run: a site file, and how it is read anew, or the sources themselves. Its secrets `say` hides."""
    if not is_site(sources):
        check_sources(sources)
        return of_sources(sources), None

    secrets: set[str] = set()  # those of before, too: a camera that is left may still complain
    say.hide = lambda text: hidden(text, secrets)

    def read() -> Site:
        site = read_site(Path(sources[0]))
        secrets.update(site.secrets.used)
        return site

    return read(), read


def _sinks(events: str | None, mqtt: str | None, ca: Path | None, others: Sequence[str]) -> dict[str, Settings]:
    """The sinks of a command line, by name. Without a file for events these are said."""
    asked: dict[str, Settings] = {"--events": FileSettings(events) if events is not None else SaidSettings()}
    if mqtt is not None:
        Broker.parse(mqtt, ca)  # what is wrong with it shows before anything is opened
        asked["--mqtt"] = MqttSettings(mqtt, str(ca or ""), states=False)
    for named in others:
        name, _, argument = named.partition("=")
        asked[f"--sink {named}"] = Foreign(name, argument)
    return asked


def _broker(address: str | None, ca: Path | None) -> Broker:
    """The broker that may send another model. Raises UserError as `Broker.parse`, and where it is missing."""
    if address is None:
        raise UserError("--mqtt-load: from which broker? give --mqtt as well")
    return Broker.parse(address, ca)


def _thresholds(site: Site, path: Path | None, say: Voice, description: ModelDescription) -> dict[str, float]:
    """The thresholds of the file at `path` for a model, by cameras' names; says which of the site's it does not name.
    Raises UserError where it is none, or another model's."""
    if path is None:
        return {}
    cameras = read_thresholds(path, description.weights)
    for name, camera in site.cameras.items():
        if not {name, Address(camera.address).shown} & cameras.keys():
            say(f"{name}: not in {path}; it has the model's own threshold")
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
    """The integer model of `PRESET`: the shipped one, or, where other weights were trained here, theirs, exported first
    if that was not done yet. Raises UserError with what the export said where it cannot be."""
    own = build_folder() / PRESET
    if SHIPPED.is_file() and not (own / "qat" / "best.pt").is_file():
        # A copy: what must outlive a run lies beside its model, and the package may be read-only.
        own.mkdir(parents=True, exist_ok=True)
        path = own / SHIPPED.name
        return kept(path, digest(SHIPPED), lambda: shutil.copyfile(SHIPPED, path))
    model = own / "export" / "model.npz"
    if not model.is_file():
        print(f"exporting {PRESET}, once ...", file=sys.stderr)
    done = process.run([sys.executable, "-m", "shiftcore", "export", "--preset", PRESET])
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1].removeprefix("error: ")
        raise UserError(f"no --build is given, and {PRESET} cannot be exported here: {why}")
    return model


class _Frames:
    """Where each frame's result goes: lines of JSON on standard output, recordings. Each is closed with `stack`."""

    def __init__(self, stack: ExitStack, say: Voice, json: bool) -> None:
        self._stack, self._say = stack, say
        self._recorders: list[Recorder] = []
        self._lines = JsonLines("-", say) if json else None
        if self._lines:
            stack.callback(self._lines.close)

    def record(self, path: Path | None, count: int, rate: float) -> None:
        """A video for each source: out.mp4, or out.0.mp4, out.1.mp4 ... for several."""
        if path is None:
            return
        paths = [path] if count == 1 else [path.with_suffix(f".{index}{path.suffix}") for index in range(count)]
        for name in paths:
            self._recorders.append(Recorder(name, rate, self._say))
            self._stack.callback(self._recorders[-1].close)

    def show(self, channel: Channel, image: Image, result: Result) -> None:
        """What happens with each result: a line of JSON, a recorded frame."""
        if self._lines:
            self._lines.publish(as_json(channel, image, result))
        if channel.stream < len(self._recorders):
            text = caption(channel, image, result)
            assert image.shown is not None
            self._recorders[channel.stream].add(image.shown, text, channel.state == RAISED)

    def lost(self) -> Iterator[str]:
        """What found no room on a disk until it was closed, a line each."""
        if self._lines:
            yield from self._lines.losses()
        for recorder in self._recorders:
            if recorder.lost:
                yield f"{recorder.path}: {recorder.lost} frames could not be written"
