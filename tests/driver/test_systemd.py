# SPDX-License-Identifier: BSD-3-Clause
"""What systemd is told, and the unit it is given, which its own program finds in order."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from shiftcore.driver.service import systemd
from shiftcore.driver.service.systemd import Notifier
from tests.commands import shiftcore


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    address = f"@shiftcore-{tmp_path}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    now = [100.0]
    monkeypatch.setattr(systemd.time, "monotonic", lambda: now[0])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address.replace("@", "\0", 1))
        server.settimeout(10)
        notifier = Notifier()
        notifier.ready()
        for now[0] in (100.0, 101.0, 101.9, 102.0, 103.0):  # half of the watchdog's time apart
            notifier.alive()
        notifier.reloading()
        notifier.stopping()
        told = [server.recv(100).decode() for _ in range(5)]
    assert told[:3] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] and told[4] == "STOPPING=1"
    assert told[3].startswith("RELOADING=1\nMONOTONIC_USEC=")
    notifier.ready()  # nobody listens any more


def test_nobody_is_told_where_systemd_did_not_start_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "4000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    monkeypatch.setattr(systemd.socket, "socket", None)
    notifier = Notifier()
    notifier.ready()
    notifier.alive()


def test_the_unit_is_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "a site, 100%"
    folder.mkdir()
    site = folder / "site.toml"
    site.write_text('[cameras.door]\naddress = "rtsp://door"\n')
    assert shiftcore("install-service", site, "--folder", tmp_path, "--user", "root").returncode == 0
    unit = tmp_path / "shiftcore.service"
    text = unit.read_text()
    assert (
        "User=root\n" in text and f'run "{tmp_path}/a site, 100%%/site.toml"' in text and "network-online" not in text
    )
    program = shutil.which("systemd-analyze")
    if program:
        done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
        assert not [line for line in done.stderr.splitlines() if "shiftcore.service" in line], done.stderr
    site.write_text("[cameras.door]\n")
    refused = shiftcore("install-service", site, "--folder", tmp_path)
    assert refused.returncode == 2 and "cameras.door.address: missing" in refused.stderr and unit.read_text() == text
