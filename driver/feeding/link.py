# SPDX-License-Identifier: BSD-3-Clause
"""What a feeder and a board say to each other, and how neither takes a stranger for the other.

The connection is TLS. A feeder knows its board by the certificate, byte for byte, whatever the clocks of either say;
the board knows a feeder by a token. Both stand in the feeder's key, a file that is copied to it once. First each side
sends one line of JSON, `Hello` and `Answer`; then the feeder sends messages: a header, and behind that of an image its
pixels.
"""

import json
import math
import secrets
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from shiftcore.artifacts import atomic_file
from shiftcore.errors import UserError

T = TypeVar("T")

VERSION = 1
PORT = 7070
TIMEOUT_S = 10.0  # for an answer, and between two messages
PULSE_S = 2.0  # a feeder that has no image says that it is there
LINE = 65_536  # bytes of a line of JSON, at most
BUFFER = 262_144  # bytes that wait in either machine's network, at most: images are not to grow old there
TOKEN = "token: "
IMAGE, LOST, PULSE = range(3)  # kinds of message: an image; its camera sends none for now; nothing
_HEADER = struct.Struct("<BBHId")


class LinkError(UserError):
    """The connection was lost, or the other side does not keep to what is said here. Another one may do better."""


class RefusedError(UserError):
    """The other side does not let this one in; only a person can mend that."""


@dataclass(frozen=True)
class Hello:
    """A feeder's first line: its `cameras` by name, in the order in which messages count them."""

    token: str
    cameras: tuple[str, ...]
    version: int = VERSION


@dataclass(frozen=True)
class Answer:
    """A board's first line: its network's input, `height` rows and `width` columns of luma, or of RGB unless `luma`,
    and of how many images a second it is made, `rate` (None: of all). `refused`: why it takes none of this feeder;
    `final`: to ask again would change nothing."""

    height: int = 0
    width: int = 0
    luma: bool = True
    rate: int | None = None
    refused: str = ""
    final: bool = False

    @property
    def bytes(self) -> int:
        """Of an image."""
        return self.height * self.width * (1 if self.luma else 3)


@dataclass(frozen=True)
class Header:
    """What stands in front of an image: `camera`, its place in `Hello.cameras`; the image's `number` and `seconds` as
    `driver.sources.Image` has them, and whether it is the `first` of its clip."""

    kind: int
    camera: int = 0
    first: bool = False
    number: int = 0
    seconds: float = 0.0

    size: ClassVar[int] = _HEADER.size

    def packed(self) -> bytes:
        """Its bytes."""
        return _HEADER.pack(self.kind, self.first, self.camera, self.number & 0xFFFF_FFFF, self.seconds)

    @classmethod
    def parse(cls, content: bytes | bytearray, cameras: int) -> "Header":
        """That of a feeder with so many cameras. Raises LinkError for what is none."""
        kind, first, camera, number, seconds = _HEADER.unpack(content)
        if kind > PULSE or camera >= cameras or first > 1 or not (math.isfinite(seconds) and seconds >= 0):
            raise LinkError("sends what is no message of a feeder")
        return cls(kind, camera, bool(first), number, seconds)


def send_line(connection: socket.socket, line: Hello | Answer) -> None:
    """Send the first line."""
    connection.sendall(json.dumps(asdict(line)).encode() + b"\n")


def receive_line(connection: socket.socket, kind: Callable[..., T]) -> T:
    """The other side's first line. Raises LinkError for what is none."""
    content = bytearray()
    while not content.endswith(b"\n"):
        if len(content) > LINE or not (byte := connection.recv(1)):
            raise LinkError("does not speak as a feeder and its board do")
        content += byte
    try:
        return kind(**json.loads(content))
    except (ValueError, TypeError):
        raise LinkError("does not speak as a feeder and its board do; is it of another version?") from None


def receive(connection: socket.socket, content: memoryview) -> bool:
    """Fill `content`; False where the connection has ended. Raises LinkError where it ends in the middle."""
    left = content
    while len(left):
        count = connection.recv_into(left)
        if not count and len(left) == len(content):
            return False
        if not count:
            raise LinkError("broke off")
        left = left[count:]
    return True


def settle(connection: socket.socket) -> None:
    """No message waits for a next one, images wait in few bytes, and a peer that is gone shows within `TIMEOUT_S`."""
    connection.settimeout(TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * TIMEOUT_S))


@dataclass(frozen=True)
class BoardKeys:
    """The files by which a board is known: `own`, its private key and certificate, which never leaves it, and
    `feeders`, the certificate and the token, which is copied to each feeder."""

    own: Path
    feeders: Path

    @classmethod
    def of(cls, folder: Path) -> "BoardKeys":
        """Those in `folder`, made there the first time. Raises UserError where they cannot be made."""
        keys = cls(folder / "board.pem", folder / "feeder.pem")
        if not (keys.own.is_file() and keys.feeders.is_file()):
            keys._make()
        return keys

    @property
    def token(self) -> str:
        """What a feeder must know."""
        return _token(self.feeders)

    def context(self) -> ssl.SSLContext:
        """For the board's side of a connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.own)
        return context

    def _make(self) -> None:
        self.own.parent.mkdir(parents=True, exist_ok=True)
        program = shutil.which("openssl")
        if program is None:
            raise UserError("openssl: not found; it makes this board's certificate, once (Debian: apt install openssl)")
        with atomic_file(self.own) as own, atomic_file(self.feeders) as feeders:
            own.touch(mode=0o600)
            feeders.touch(mode=0o600)
            curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "36500"]
            places = ["-keyout", str(own), "-out", str(feeders)]
            command = [program, "req", "-x509", *curve, "-subj", "/CN=shiftcore", *places]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise UserError(f"{self.own}: openssl could not make a certificate: {reason}")
            certificate = feeders.read_text()
            own.write_text(own.read_text() + certificate)
            feeders.write_text(f"{TOKEN}{secrets.token_urlsafe(32)}\n{certificate}")


@dataclass(frozen=True)
class FeederKey:
    """What a feeder knows of its board: the `certificate` (DER) and the `token`."""

    certificate: bytes
    token: str

    @classmethod
    def read(cls, path: Path) -> "FeederKey":
        """The key in the file at `path`. Raises UserError where it is none."""
        try:
            begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
            text = path.read_text()
            certificate = begin + text.split(begin)[1].split(end)[0] + end
            return cls(ssl.PEM_cert_to_DER_cert(certificate), _token(path))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; `shiftcore serve` on the board writes feeder.pem") from None
        except (ValueError, IndexError):
            raise UserError(f"{path}: no key of a feeder; copy the board's feeder.pem") from None

    def connect(self, host: str, port: int) -> ssl.SSLSocket:
        """A connection to the board. Raises RefusedError where another one answers, OSError where none does."""
        plain = socket.create_connection((host, port), TIMEOUT_S)
        try:
            settle(plain)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            # The board proves that it has the private key of this one certificate; names and dates prove nothing more.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(plain)
        except BaseException:
            plain.close()
            raise
        if connection.getpeercert(binary_form=True) != self.certificate:
            connection.close()
            raise RefusedError("is not the board of this key; copy its feeder.pem anew")
        return connection


def _token(path: Path) -> str:
    for line in path.read_text().splitlines():
        if line.startswith(TOKEN):
            return line[len(TOKEN) :].strip()
    raise UserError(f"{path}: no key of a feeder; copy the board's feeder.pem")
