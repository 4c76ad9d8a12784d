# SPDX-License-Identifier: BSD-3-Clause
"""A board that shows a certificate of its own (mutual TLS), to a real broker and to a server."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shiftcore.driver.sinks.courier import Server
from shiftcore.driver.sinks.mqtt import MQTT_CERTIFICATE, Broker, MqttSettings
from shiftcore.driver.sinks.station import StationSettings
from shiftcore.errors import UserError
from tests.driver.mosquitto import Mosquitto, needs_broker
from tests.driver.test_mqtt import certificates, delivered, needs_tools

pytestmark = needs_tools


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A certificate that ca.pem has signed, with its key, in one file."""
    certificates(tmp_path)
    path = tmp_path / "board.pem"
    path.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
    return path


@needs_broker
def test_to_a_broker(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\ncafile {tmp_path}/ca.pem"
    server = Mosquitto(tmp_path, f"allow_anonymous true\n{files}\nrequire_certificate true")
    server.start()
    try:
        said, address, ca = list[str](), f"mqtts://{server.address}", tmp_path / "ca.pem"
        assert delivered(Broker.parse(address, ca), tmp_path / "without", said) == 1
        assert delivered(Broker.parse(address, ca, own), tmp_path / "with", said) == 0
        monkeypatch.setenv(MQTT_CERTIFICATE, str(own))
        assert delivered(Broker.parse(address, ca), tmp_path / "named", said) == 0
    finally:
        server.stop()


def test_to_a_server(tmp_path: Path, own: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.pem"))
    context.load_cert_chain(own)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address, ca = f"https://127.0.0.1:{server.server_port}", str(tmp_path / "ca.pem")
    try:
        Server(address, "token", ca, str(own)).put("/x", b"content", "image/jpeg")
        with pytest.raises(OSError):
            Server(address, "token", ca).put("/x", b"content", "image/jpeg")
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_text("nothing")
    wrong = str(tmp_path / "other.pem")
    with pytest.raises(UserError, match=r"other\.pem: no certificates to be used"):
        Server("https://127.0.0.1", certificate=wrong)
    with pytest.raises(UserError, match=r"other\.pem: no certificates to be used"):
        Broker.parse("mqtts://127.0.0.1", certificate=Path(wrong)).client()
    assert list(MqttSettings("127.0.0.1", certificate=wrong).mistakes()) == [
        "address: certificate is for TLS: give the broker's address as mqtts://..."
    ]
    assert list(StationSettings("https://x", "t", certificate=wrong).mistakes()) == []
