"""`shiftcore run SOURCE...` and `shiftcore selftest`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from shiftcore import cli
from shiftcore.driver import display
from shiftcore.driver.accelerator import Accelerator
from shiftcore.driver.events import Event, JsonLines, Mqtt, Spool
from shiftcore.driver.record import Recorder
from shiftcore.driver.run import Channel, Run, as_json, caption, problems
from shiftcore.driver.selftest import selftest as checks
from shiftcore.driver.sources import Image, Source, check_sources, open_sources
from shiftcore.model.alarm import RAISED
from shiftcore.model.records import Result

BUILD = Path("build/tiny/pynq-z2")
FILE_RATE = 25  # frames per second of a recorded video, where the model takes every frame


Build = Annotated[Path, typer.Option(help="a build folder, build/PRESET/BOARD")]
Backend = Annotated[str, typer.Option(help="auto, board, rtl (the Verilated chip), or reference (NumPy)")]


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    sources: Annotated[list[str], typer.Argument(help="video files, folders of them, rtsp://..., /dev/videoN")],
    build: Build = BUILD,
    backend: Backend = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="check each result against the reference")] = False,
    record: Annotated[Path | None, typer.Option(help="an MP4 file for the frames with the score on them")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a frame on standard output, no table")] = False,
    events: Annotated[
        str | None, typer.Option(help="a file for alarm events, one JSON object a line; - for standard output")
    ] = None,
    mqtt: Annotated[str | None, typer.Option(help="HOST[:PORT] of a broker to publish alarm events to")] = None,
    spool: Annotated[
        Path | None, typer.Option(help="where events wait for the broker; default: spool/ in the build folder")
    ] = None,
) -> None:
    """Run videos or cameras through the accelerator: one stream each, and a live table of what it sees."""
    check_sources(sources)
    errors = Console(stderr=True)
    with ExitStack() as stack:
        accelerator = stack.enter_context(Accelerator.open(build, backend, compare))
        say = _Voice(errors)
        publish = _publishers(stack, events, mqtt, spool or build / "spool", say)
        rate = accelerator.description["preprocess"]["images_per_second"]
        recorders = _recorders(stack, record, len(sources), rate or FILE_RATE)
        opened = open_sources(sources, rate, say)
        for source in opened:
            stack.callback(source.close)
        quiet = json or events == "-"
        seen = _Printer(recorders, json)
        going = Run(accelerator, opened, seen, publish, say)
        with _shown(going, quiet, say), _stopped_by_signals(opened):
            going()
        for line in problems(going.channels):
            errors.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True, highlight=False)
    if any(source.problems for source in opened):
        raise typer.Exit(cli.USER_ERROR)


def selftest(build: Build = BUILD, backend: Backend = "auto") -> None:
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


class _Voice:
    """Says a line above the live table while there is one, else on standard error."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)


class _Printer:
    """What happens with each result: a line of JSON, a recorded frame."""

    def __init__(self, recorders: list[Recorder], json: bool) -> None:
        self._recorders, self._json = recorders, json

    def __call__(self, channel: Channel, image: Image, result: Result) -> None:
        if self._json:
            print(as_json(channel, image, result), flush=True)
        if self._recorders:
            text = caption(channel, image, result)
            self._recorders[channel.stream].add(image.pixels, text, channel.state == RAISED)


def _recorders(stack: ExitStack, record: Path | None, count: int, rate: float) -> list[Recorder]:
    """One for each source: out.mp4, or out.0.mp4, out.1.mp4 ... for several."""
    if record is None:
        return []
    paths = [record] if count == 1 else [record.with_suffix(f".{index}{record.suffix}") for index in range(count)]
    recorders = [Recorder(path, rate) for path in paths]
    for recorder in recorders:
        stack.callback(recorder.close)
    return recorders


def _publishers(
    stack: ExitStack, events: str | None, mqtt: str | None, spool: Path, say: _Voice
) -> list[Callable[[Event], None]]:
    """Where events go. Without --events they are lines above the table."""
    publishers: list[Callable[[Event], None]] = []
    if events is None:
        publishers.append(lambda event: say(_sentence(event)))
    else:
        lines = JsonLines(events)
        stack.callback(lines.close)
        publishers.append(lines.publish)
    if mqtt is not None:
        broker = Mqtt(mqtt, Spool(spool), say)
        stack.callback(_close_mqtt, broker, spool, say)
        publishers.append(broker.publish)
    return publishers


def _close_mqtt(broker: Mqtt, spool: Path, say: _Voice) -> None:
    left = broker.close()
    if left:
        say(f"{left} events wait in {spool}; the next run with --mqtt sends them")


def _sentence(event: Event) -> str:
    what = "ALARM" if event["event"] == "begin" else "alarm ended"
    return f"{event['source']} at {event['seconds']:.2f} s: {what}: {event['class']}, score {event['score']:.2f}"


@contextmanager
def _shown(going: Run, quiet: bool, say: _Voice) -> Iterator[None]:
    """The live table, drawn four times a second; not where standard output carries JSON."""
    if quiet:
        yield
        return
    accelerator = going.accelerator
    title = f"{accelerator.description['preset']['name']} on {accelerator.backend}, {accelerator.clock_mhz:g} MHz"

    class Table:
        def __rich__(self) -> Any:
            return display.table(going.channels, title, accelerator.clock_mhz)

    console = Console()
    if not console.is_terminal:
        yield
        console.print(Table())
        return
    elsewhere, say.console = say.console, console
    try:
        with Live(Table(), console=console, refresh_per_second=4):
            yield
    finally:
        say.console = elsewhere


@contextmanager
def _stopped_by_signals(sources: list[Source]) -> Iterator[None]:
    """A camera has no end, so where there is one Ctrl-C (or SIGTERM) is the end: frames under way are finished first.
    A second signal interrupts, as the first does where all are files."""
    if not any(source.live for source in sources):
        yield
        return
    interrupts = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in interrupts.items():
            signal.signal(number, handler)

    def stop(_number: int, _frame: object) -> None:
        restore()
        for source in sources:
            source.stop()

    for number in interrupts:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()
