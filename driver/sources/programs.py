# SPDX-License-Identifier: BSD-3-Clause
"""Programs that decode beside us: FFmpeg's, where there is no library, and GStreamer's, where the machine has a decoder
of its own (the VCU of a KV260 or ZCU104). Their pictures come through a pipe."""

import contextlib
import fcntl
import os
import re
import select
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from shiftcore.driver.address import Address
from shiftcore.driver.sources.matroska import Decoded, pictures
from shiftcore.driver.sources.source import Say, Seen, Stamped
from shiftcore.errors import UserError
from shiftcore.model import colour, decoders
from shiftcore.model.containers import cut_short
from shiftcore.model.preprocess import picture
from shiftcore.model.sampling import RGB, Frame, Sampler, Wanted
from shiftcore.model.video_files import address as file_address
from shiftcore.model.video_files import check_file, naming

GSTREAMER_ALIGN = 4  # bytes of its rows
_PIPE = 1 << 20  # bytes that wait in the pipe
_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)  # Python names it from 3.10 on
_PROTOCOLS = "pipe,file,rtsp,rtp,udp,tcp,tls,http,https,httpproxy,crypto"  # in which an address may be, from a pipe
_MATROSKA = ["-c:v", "rawvideo", "-f", "matroska", "pipe:1"]


class Program:
    """A program that is told `told` on its standard input, and whose output is read. Use `with`."""

    def __init__(self, command: Sequence[str], told: str = "", environment: dict[str, str] | None = None) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **(environment or {})},
            bufsize=0,
        )
        assert self._child.stdin is not None and self._child.stdout is not None
        with self._child.stdin as asked, contextlib.suppress(BrokenPipeError):  # it has ended, and says why
            asked.write(told.encode())
        self._output = self._child.stdout.fileno()
        fcntl.fcntl(self._output, _SETPIPE_SZ, _PIPE)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._said.close()

    def read(self, count: int, limit_s: float | None = None) -> bytearray:
        """So many bytes of its output, fewer where it has ended. Raises TimeoutError where none come for `limit_s`."""
        content = bytearray(count)
        left = memoryview(content)
        while left:
            if limit_s is not None and not select.select([self._output], [], [], limit_s)[0]:
                raise TimeoutError
            got = os.readv(self._output, [left])
            if not got:
                return content[: count - len(left)]
            left = left[got:]
        return content

    def problem(self) -> str:
        """What it said of why it ended, on one line; "" where it ended well."""
        if not self._child.wait():
            return ""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        first = re.sub(r"^\[.*? @ 0x[0-9a-f]+\] ", "", lines[0]) if lines else ""  # what follows from it comes behind
        if first.startswith("Raw RGB"):  # so FFmpeg calls all that Matroska has no letters for
            return "only PyAV gives its pixel format"
        return first.strip() or f"exit status {self._child.returncode}"


def ffmpeg_file(path: Path, rate: int | None, wanted: Wanted = RGB, say: Say | None = None) -> Iterator[Frame]:
    """What `Sampler(rate)` takes of a file, read by FFmpeg's program. Raises UserError, naming it, after the good
    frames of a damaged one."""
    check_file(path)
    count, sample = 0, Sampler(rate, None, say)
    with Program(_ffmpeg(file_address(path), wanted)) as program, naming(path):
        for decoded in pictures(program.read):
            seconds = sample(count, decoded.seconds)
            if seconds is not None:
                yield Frame(count, seconds, *_seen(decoded, wanted))
            count += 1
        problem = program.problem()
    if count == 0:
        raise UserError(f"{path}: not a readable video" + (f" ({problem})" if problem else ""))
    if problem:
        raise UserError(f"{path}: damaged after {count} frames ({problem})")
    if not sample.jumped and (missing := cut_short(path)):
        raise UserError(f"{path}: truncated after {count} frames, {missing}")


def ffmpeg_live(address: Address, wanted: Wanted, limit_s: float) -> Iterator[Stamped]:
    """Every frame that a camera sends, read by FFmpeg's program. Raises UserError, without the camera's name, when no
    more come, and TimeoutError where none comes for `limit_s`."""
    # The address is told on standard input: on its command line any user of the machine reads user and password.
    place = address.secret.replace("'", r"'\''")
    over_tcp = "option rtsp_transport tcp\n" if place.lower().startswith("rtsp") else ""
    command = _ffmpeg("pipe:0", wanted, ["-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS])
    yield from _live(command, f"ffconcat version 1.0\nfile '{place}'\n{over_tcp}", address, wanted, limit_s, 1)


def gstreamer_live(address: Address, wanted: Wanted, limit_s: float) -> Iterator[Stamped]:
    """As `ffmpeg_live`, read by GStreamer's program, by this machine's own decoder where it decodes what comes. The
    address is on its command line, so it must be one that everybody may read."""
    place = re.sub("^rtsp(?=s?://)", "rtspt", address.secret)  # over TCP: UDP loses packets, and with them pictures
    decode = ["uridecodebin", f"uri={place}", "!", "video/x-raw,format=(string){NV12,I420,GRAY8}"]
    command = ["gst-launch-1.0", "-q", *decode, "!", "queue", "max-size-buffers=2", "!"]
    command += ["matroskamux", "streamable=true", "!", "fdsink", "fd=1"]
    yield from _live(command, "", address, wanted, limit_s, GSTREAMER_ALIGN, decoders.preferred())


def _live(
    command: Sequence[str],
    told: str,
    address: Address,
    wanted: Wanted,
    limit_s: float,
    align: int,
    environment: dict[str, str] | None = None,
) -> Iterator[Stamped]:
    with Program(command, told, environment) as program:
        for decoded in pictures(partial(program.read, limit_s=limit_s), align):
            yield decoded.seconds, partial(_seen, decoded, wanted)
        raise UserError(address.clean(program.problem()) or "sends no more frames")


def _ffmpeg(place: str, wanted: Wanted, before: Sequence[str] = ()) -> list[str]:
    """FFmpeg's command: every frame once, turned upright; where luma is wanted, that plane alone as it was decoded. A
    damaged picture ends it."""
    strict = ["-err_detect", "explode", "-xerror"]
    planes = ["-vf", "extractplanes=y"] if wanted.luma else []
    return [
        *("ffmpeg", "-nostdin", "-v", "error", "-threads", "1", *strict, *before, "-i", place),
        *("-map", "0:V:0", *planes, *decoders.every_frame(), *_MATROSKA),
    ]


def _seen(decoded: Decoded, wanted: Wanted) -> Seen:
    how, content = decoded.format, decoded.content
    if not wanted.luma:
        pixels = how.rgb(content)
        return pixels, pixels if wanted.shown else None
    pixels = how.luma(content)
    shown = picture(colour.rgb(pixels, None, full=True), how.aspect) if wanted.shown else None
    return pixels, shown
