# SPDX-License-Identifier: BSD-3-Clause
"""A real RTSP server, GStreamer's: `python3 rtsp_server.py VIDEO` prints its port and shows a Matroska file of H.264 to
whoever asks, from its beginning and at its own pace. It runs on a Python that has GStreamer's bindings."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

NEEDS = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
LAUNCH = '( filesrc location="{}" ! matroskademux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )'


@cache
def python() -> str | None:
    """A Python that has them, if there is one."""
    for name in (sys.executable, "/usr/bin/python3"):
        if (
            Path(name).is_file()
            and not subprocess.run([name, "-c", NEEDS], check=False, capture_output=True).returncode
        ):
            return name
    return None


@contextmanager
def showing(path: Path) -> Iterator[str]:
    """A camera that shows this video, again to each who asks; its address."""
    command = [str(python()), __file__, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"rtsp://127.0.0.1:{int(process.stdout.readline())}/camera"
        finally:
            process.kill()


def main(path: str) -> None:
    """Serve until killed."""
    import gi  # type: ignore[import-not-found]

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found]

    Gst.init(None)
    server, factory = GstRtspServer.RTSPServer(), GstRtspServer.RTSPMediaFactory()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory.set_launch(LAUNCH.format(path))
    server.get_mount_points().add_factory("/camera", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1])
