# SPDX-License-Identifier: BSD-3-Clause
"""A secret never leaves the service: searched is all that a run of a site wrote, said, sent and showed."""

import json
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from shiftcore.quant import synthetic
from tests.driver.footage import EVENTS
from tests.driver.http_camera import MjpegCamera
from tests.driver.http_servers import Frigate, HttpServer
from tests.driver.mosquitto import Mosquitto, eventually, needs_broker
from tests.driver.test_run_process import Began

SECRET = "CANARY/w@rd"
SITE = """
secrets = "secrets.env"
state = "out"
[clips]
folder = "out/clips"
[cameras.works]
address = "http://CANARYuser:${SECRET}@127.0.0.1:%(works)d/video?token=${SECRET}&channel=1"
[cameras.refuses]
address = "http://CANARYuser:${SECRET}@127.0.0.1:%(refuses)d/video"
[cameras.away]
address = "rtsp://CANARYuser:${SECRET}@127.0.0.1:9/user=CANARYuser_password=${SECRET}_channel=1.sdp"
[sinks.file]
path = "out/events.jsonl"
[sinks.mqtt]
address = "mqtt://CANARYuser:${SECRET}@127.0.0.1:%(broker)d"
[sinks.closed]
kind = "mqtt"
address = "mqtt://CANARYuser:${SECRET}WRONG@127.0.0.1:%(broker)d"
[sinks.webhook]
address = "http://CANARYuser:${SECRET}@127.0.0.1:%(hook)d/"
[sinks.nowhere]
kind = "webhook"
address = "http://127.0.0.1:9/${SECRET}"
token = "${SECRET}"
[sinks.frigate]
address = "http://127.0.0.1:%(frigate)d"
user = "CANARYuser"
password = "${SECRET}"
[sinks.shut]
kind = "frigate"
address = "http://127.0.0.1:%(frigate)d"
user = "CANARYuser"
password = "${SECRET}WRONG"
[sinks.metrics]
address = "127.0.0.1:%(metrics)d"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def broker(folder: Path) -> Mosquitto:
    """A broker that wants user and password."""
    folder.mkdir()
    command = ["mosquitto_passwd", "-c", "-b", str(folder / "passwords"), "CANARYuser", SECRET]
    subprocess.run(command, check=True, capture_output=True)
    return Mosquitto(folder, f"allow_anonymous false\npassword_file {folder}/passwords")


@needs_broker
@pytest.mark.skipif(not shutil.which("mosquitto_passwd"), reason="no mosquitto_passwd here")
def test_nothing_secret_leaves_a_service(tiny_export: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    images = [image for k in range(3) for image in synthetic.clip(EVENTS, 3, (8, 64, 80), (77, k))]
    works = MjpegCamera(images, 25, login=f"CANARYuser:{SECRET}")
    refuses = MjpegCamera(images, 25, login="another:one")
    server, hook, frigate = broker(tmp_path / "broker"), HttpServer(), Frigate({"works"}, ("CANARYuser", SECRET))
    server.start()
    request.addfinalizer(server.stop)
    arrived: list[bytes] = []
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
    listener.username_pw_set("CANARYuser", SECRET)
    listener.on_connect = lambda client, *_: client.subscribe("#", qos=1)
    listener.on_message = lambda _client, _data, message: arrived.append(
        message.topic.encode() + bytes(message.payload)
    )
    listener.connect("127.0.0.1", server.port)
    listener.loop_start()
    ports = {"works": works.port, "refuses": refuses.port, "broker": server.port, "hook": hook.port}
    ports |= {"frigate": frigate.port, "metrics": free_port()}
    out, home = tmp_path / "site" / "out", tmp_path / "site"
    out.mkdir(parents=True)
    (home / "secrets.env").write_text(f"SECRET={SECRET}\n")
    (home / "secrets.env").chmod(0o600)
    (home / "site.toml").write_text(SITE % ports)
    run = Began(tiny_export / "model.npz", home / "site.toml", "--json", "--record", out / "out.mp4")
    request.addfinalizer(run.process.kill)
    run.wait_for(lambda: any(made["camera"] == "works" for made in list(frigate.events.values())))
    run.wait_for(lambda: any(value["kind"] == "alarm" for _, _, value, _ in hook.received))
    run.wait_for(lambda: any(b"/alarm{" in message for message in arrived))
    run.wait_for(lambda: any(b"/camera/works{" in message for message in arrived))
    with urllib.request.urlopen(f"http://127.0.0.1:{ports['metrics']}/metrics") as answer:
        metrics = answer.read()
    wrong = (SITE % ports).replace('path = "out/events.jsonl"', 'path = ["${SECRET}"]') + 'threshold = "${SECRET}"\n'
    (home / "site.toml").write_text(wrong)
    run.process.send_signal(signal.SIGHUP)
    seen = len(run.lines)
    run.wait_for(lambda: len(run.lines) > seen + 10)  # it is read between two frames
    status, errors = run.end()
    assert eventually(lambda: any(b"/statusoffline" in message for message in arrived), 60)
    listener.disconnect()
    listener.loop_stop()
    for part in (works, refuses):
        part.close()
    for one in (hook, frigate):
        one.off()
    server.stop()
    written = [str(path).encode() + path.read_bytes() for path in out.rglob("*") if path.is_file()]
    requests = [*hook.received, *frigate.received]
    sent = [json.dumps(value).encode() for _, path, value, _ in requests if "login" not in path]
    everything = b"\n".join(
        [*written, *sent, *arrived, metrics, *(line.encode() for line in run.lines), errors.encode()]
    )
    assert {path.suffix for path in (out / "clips").iterdir()} == {".mp4", ".jpg", ".json"}, errors
    assert status in (0, 2) and len(written) > 8 and len(sent) >= 3 and len(arrived) > 10, errors
    for secret in (b"CANARY", b"w@rd", b"w%40rd"):
        assert secret not in everything, everything[everything.index(secret) - 200 :][:300]
    for line in (
        "refuses: refuses user and password (401",
        "away: Connection refused",
        "not reachable (Not authorized)",
        "answers 401",
        "127.0.0.1:9",
        "the site goes on as it was",
        "sinks.metrics.threshold: not known",
    ):
        assert line in errors, (line, errors)
    assert b'shiftcore_frames_total{camera="works"}' in metrics and "Traceback" not in errors
