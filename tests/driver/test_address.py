# SPDX-License-Identifier: BSD-3-Clause
"""Addresses are shown without what lets somebody in, however it was put into them."""

import hashlib
import socket
import threading

import pytest

from shiftcore.driver import knock
from shiftcore.driver.address import Address
from shiftcore.driver.knock import status


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://door:554/s?channel=1&subtype=0", "rtsp://door:554/s?channel=1&subtype=0"),
        ("rtsp://me:CANARY@door:554/s?channel=1", "rtsp://door:554/s?channel=1"),
        ("rtsp://CANARY@door", "rtsp://door"),
        ("rtsp://me:CAN@ARY@door/x", "rtsp://door/x"),
        ("rtsp://me:CAN/ARY@door/x", "rtsp://door/x"),
        ("rtsp://me:CAN?ARY@door/x", "rtsp://door/x"),
        ("rtsp://me:CAN#ARY@door/x", "rtsp://door/x"),
        ("rtsp://me:12/CANARY@door:5/x", "rtsp://door:5/x"),
        ("http://door/v?user=CANARY&password=CANARY", "http://door/v?user=***&password=***"),
        ("http://door/v?user=CAN@ARY&pwd=p@CANARY&channel=2", "http://door/v?user=***&pwd=***&channel=2"),
        ("http://door/v?unheardof=CANARY;t=CANARY#CANARY1", "http://door/v?unheardof=***;t=***#***"),
        ("http://door:81/videostream.cgi?loginuse=CANARY&loginpas=CANARY", None),
        ("rtsp://door/user=CANARY_password=CAN_ARY_channel=1.sdp", "rtsp://door/user=***_password=***_channel=1.sdp"),
        ("rtsp://door/user=CANARY&password=CANARY&channel=1", "rtsp://door/user=***&password=***&channel=1"),
        ("srt://door:9?passphrase=CANARY", "srt://door:9?passphrase=***"),
        ("rtmp://door/app playpath=x token=CANARY", "rtmp://door/app playpath=x token=***"),
        ("http://[::1]:8/x", "http://[::1]:8/x"),
        ("rtsp://me:CANARY@[::1]:8/x", "rtsp://[::1]:8/x"),
        ("udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
        ("rtsp://door/stream@1", "rtsp://door/stream@1"),
        ("/dev/video0", "/dev/video0"),
    ],
)
def test_shown(address: str, shown: str | None) -> None:
    one = Address(address)
    assert shown is None or one.shown == shown
    said = one.clean(f"cannot open '{address}': refused") + f"{one} {one!r} {one.shown}"
    assert not any(piece in said for piece in ("CANARY", "CAN@ARY", "CAN/ARY", "CAN_ARY", "CAN?ARY", "CAN#ARY"))


def test_a_library_that_quotes_a_part_of_it() -> None:
    address = Address("rtsp://me:CAN%40ARY@door/x")
    assert address.clean("no CAN@ARY, no me:CAN%40ARY at http://other:CANARY@door") == "no ***, no *** at http://door"
    assert address.credentials() == ("me", "CAN@ARY")


def test_digest_as_the_rfc_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2617, section 3.5."""
    monkeypatch.setattr(knock.secrets, "token_hex", lambda _count: "0a4f113b")
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    shown = knock._authorization("http://www.nowhere.org/dir/index.html", [challenge], "Mufasa", "Circle Of Life")
    assert 'response="6629fae49393a05397450978507c4ef1"' in shown and 'uri="/dir/index.html"' in shown


class Rtsp:
    """An RTSP camera that only answers who it is: Digest as cameras have it (RFC 2069: without qop)."""

    def __init__(self, password: str) -> None:
        self.logins: list[str] = []
        self._password = password
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for _ in range(2):
            connection, _ = self._server.accept()
            with connection:
                lines = connection.recv(4096).decode().splitlines()
                shown = [line for line in lines if line.startswith("Authorization: ")]
                self.logins += shown
                who = hashlib.md5(f"me:camera:{self._password}".encode()).hexdigest()
                what = hashlib.md5(f"DESCRIBE:rtsp://{self.place}/1".encode()).hexdigest()
                right = hashlib.md5(f"{who}:abc:{what}".encode()).hexdigest()
                code = "200 OK" if shown and f'response="{right}"' in shown[0] else "401 Unauthorized"
                wants = 'WWW-Authenticate: Digest realm="camera", nonce="abc"\r\n'
                connection.sendall(f"RTSP/1.0 {code}\r\nCSeq: 1\r\n{wants}\r\n".encode())
        self._server.close()


@pytest.mark.parametrize(("password", "code"), [("right/", 200), ("wrong/", 401)])
def test_a_camera_is_asked_once(password: str, code: int) -> None:
    camera = Rtsp("right/")
    assert status(Address(f"rtsp://me:{password.replace('/', '%2F')}@{camera.place}/1"), 20) == code
    assert len(camera.logins) == 1


def test_who_cannot_be_asked() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert status(Address(f"rtsp://127.0.0.1:{probe.getsockname()[1]}/1"), 5) is None
    assert status(Address("udp://@239.0.0.1:1234"), 5) is None
