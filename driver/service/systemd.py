# SPDX-License-Identifier: BSD-3-Clause
"""systemd: the words of its sd_notify protocol (sd_notify(3)), and the unit of a site."""

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

UNIT = """[Unit]
Description=Shiftcore: alarms of {site}
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} run {site}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory={folder}
{user}WatchdogSec=120
Restart=always
RestartSec=5
TimeoutStopSec=60
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
"""


class Notifier:
    """Tells systemd, where that started us, that we are there and that we live. Nothing elsewhere."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
        microseconds = os.environ.get("WATCHDOG_USEC", "") if ours else ""
        self._every = int(microseconds) / 2e6 if microseconds.isdigit() else 0.0
        self._next = 0.0

    def ready(self) -> None:
        """The run has begun."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """The site is read anew; `ready` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The run ends."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Called again and again; told twice in the time that the watchdog waits."""
        now = time.monotonic()
        if self._every and now >= self._next:
            self._next = now + self._every
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # systemd will do without; a run is not to end for it
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(text.encode(), address)


def unit(site: Path, user: str) -> str:
    """The unit that runs the site file at `site`, as `user` ("": root, whom a board's chip needs)."""
    start = os.environ.get("SHIFTCORE_START")  # a board's own command, which knows its packages and its build
    command = _quoted(start) if start else f"{_quoted(sys.executable)} -m shiftcore"
    path = site.resolve()
    return UNIT.format(
        site=_quoted(str(path)),
        folder=str(path.parent).replace("%", "%%"),
        command=command,
        user=f"User={user}\n" if user else "",
    )


def _quoted(word: str) -> str:
    """A word of a unit's command line (systemd.service(5)), where % and $ mean something."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or " " in word else word
