# SPDX-License-Identifier: BSD-3-Clause
"""`make deploy`: one archive to copy to a board, with all that it runs: driver, reference, model, bitstream, packages.

A chip that is compiled already, and has the shape of the weights in use, takes them as data and is packed as it is. It
has to pass first: its known frames go through the Verilated RTL, once, and the latency found there is what the board's
self-test will ask for. The same inputs give the same bytes.
"""

import gzip
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

from rich.console import Console

from shiftcore import __version__, process
from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file, atomic_folder, build_folder, digest, kept, write_json
from shiftcore.driver import Accelerator
from shiftcore.driver.build import Build
from shiftcore.driver.change import LOADED
from shiftcore.driver.known import Known, run_known
from shiftcore.errors import UserError
from shiftcore.flow.build import compiled_chip, exported_model, network
from shiftcore.flow.rollout import compiled_for
from shiftcore.hw import selftest
from shiftcore.hw.bitstream import maker
from shiftcore.hw.boards import load_board
from shiftcore.model.reference import Reference
from shiftcore.options import BoardName, PresetName

REQUIREMENTS = PACKAGE_FOLDER / "driver" / "requirements.txt"
START = PACKAGE_FOLDER / "driver" / "start.sh"

Files = dict[str, bytes]  # by their path in the archive


def measured_latency(folder: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Run the known frames of the build in `folder` through its Verilated chip; returns the latency of all of them, in
    cycles. `progress` is told how many are done. Raises UserError when a result is missing, a logit is wrong or
    latencies differ."""
    build = Build.load(folder)
    known = Known.load(build)
    with Accelerator.open(folder, "rtl") as accelerator:
        accelerator.load(build.model)  # whatever was loaded since
        results = run_known(accelerator, known, progress)
    if len(results) != len(known.frames):
        raise UserError(f"{folder}: the Verilated chip fails: {len(results)} of {len(known.frames)} results came")
    wrong = sum(result.logits.tolist() != logits.tolist() for result, logits in zip(results, known.logits, strict=True))
    cycles = {result.latency_cycles for result in results}
    if wrong or len(cycles) != 1:
        raise UserError(
            f"{folder}: the Verilated chip fails: {wrong} frames are wrong, latencies {sorted(cycles)} cycles"
        )
    return cycles.pop()


def wheels() -> list[Path]:
    """The wheels of driver/requirements.txt, fetched once; none, after a line that says why, where that fails."""
    folder = build_folder() / "tools" / f"wheels-{digest(REQUIREMENTS)[:12]}"
    if not folder.is_dir():
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *("--platform=any", "--implementation=py", "--abi=none", "--python-version=3.10", "--require-hashes"),
            *("--requirement", str(REQUIREMENTS)),
        ]
        with tempfile.TemporaryDirectory() as fetched:
            done = process.run([*command, "--dest", fetched])
            if done.returncode:
                reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR: ")), "pip failed")
                print(f"warning: no wheels in the archive, the board has to have them: {reason}", file=sys.stderr)
                return []
            with atomic_folder(folder) as temporary:
                for wheel in Path(fetched).iterdir():
                    (temporary / wheel.name).write_bytes(wheel.read_bytes())
    return sorted(folder.glob("*.whl"))


def own_wheel() -> bytes:
    """This package as a wheel, whether it is installed or a checkout; the same files give the same bytes."""
    files = {
        f"shiftcore/{Path(folder, name).relative_to(PACKAGE_FOLDER)}": Path(folder, name).read_bytes()
        for folder, _, names in os.walk(PACKAGE_FOLDER, followlinks=True)
        for name in names
        if Path(folder).name != "__pycache__"
    }
    about = f"shiftcore-{__version__}.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: shiftcore\nVersion: {__version__}\n".encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in sorted([*files, f"{about}/RECORD"])).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in sorted(files):
            wheel.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _license() -> str:
    """Its text, which a checkout has at its root and an installed package among what is known of it."""
    beside = PACKAGE_FOLDER.parent / "LICENSE"
    return beside.read_text() if beside.is_file() else distribution("shiftcore").read_text("licenses/LICENSE") or ""


def contents(folder: Path, latency_cycles: int, packages: list[Path], model: Path | None = None) -> Files:
    """Every file of the archive for the build in `folder`, build/PRESET/BOARD, which goes by `model`, None for the one
    that its chip was made with."""
    preset, board = folder.parent.name, folder.name
    where = f"build/{preset}/{board}"
    files = {f"wheels/shiftcore-{__version__}-py3-none-any.whl": own_wheel()}
    files |= {"requirements.txt": REQUIREMENTS.read_bytes(), "LICENSE": _license().encode()}
    files |= {f"{where}/chip/{name}": (folder / "chip" / name).read_bytes() for name in ("manifest.json", "model.npz")}
    files[f"{where}/chip/selftest.npz"] = _known_frames(folder / "chip" / "model.npz", latency_cycles)
    if model is not None and model.read_bytes() != (folder / "chip" / "model.npz").read_bytes():
        files[f"{where}/chip/{LOADED}"] = model.read_bytes()
    if maker(folder / "chip"):
        files |= {f"{where}/bitstream/{path.name}": path.read_bytes() for path in (folder / "bitstream").iterdir()}
    files |= {f"wheels/{path.name}": path.read_bytes() for path in packages}
    files["wheels/SHA256SUMS"] = _sums({name: files[name] for name in files if name.startswith("wheels/")})
    quoted = re.sub(r'(["$`\\])', r"\\\1", preset)  # it stands between double quotes there
    start = START.read_text().replace("@PRESET@", quoted).replace("@BOARD@", board)
    files["shiftcore"] = start.encode()
    files["README.md"] = _readme(preset, board, has_bitstream=any("/bitstream/" in name for name in files)).encode()
    return files


def _sums(files: Files) -> bytes:
    """As the program sha256sum writes them. The archive's command unpacks the wheels anew when they have changed."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {Path(name).name}\n" for name in sorted(files)).encode()


def _known_frames(model: Path, latency_cycles: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "selftest.npz"
        selftest.write(path, Reference.load(model), latency_cycles)
        return path.read_bytes()


def _readme(preset: str, board: str, has_bitstream: bool) -> str:
    missing = f"""
This archive holds no bitstream, so on the board only `--backend reference` (NumPy) runs. Build one with
`make bitstream PRESET={preset} BOARD={board}`, which needs Vivado, then `make deploy` again.
"""
    return f"""# Shiftcore: {preset} for {board}

    ./shiftcore selftest              # every part of the chip that can be checked, one line each; run this first
    ./shiftcore certify               # all that a board can show, in half an hour, as one file to send us
    ./shiftcore run VIDEO             # a video file, a folder of them, rtsp://..., /dev/video0; several at once
    ./shiftcore run --help            # --record, --json, --events, --mqtt and the rest
{"" if has_bitstream else missing}
It needs Python 3.10 or newer with NumPy, and for video PyAV or OpenCV. A PYNQ image of version 3.0 or newer has all of
them. Nothing is installed outside this folder.
"""


def pack(path: Path, name: str, files: Files) -> None:
    """Write `files` as a .tar.gz at `path`, in the folder `name`, atomically. All carry one time, which follows from
    their content: with a fixed one, Python would take what it had compiled of an older archive for this one's."""
    time = int(digest(*(part for item in sorted(files.items()) for part in item))[:7], 16)
    with (
        atomic_file(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for file in sorted(files):
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size, member.mtime = len(files[file]), time
            member.mode = 0o755 if file == "shiftcore" else 0o644
            archive.addfile(member, io.BytesIO(files[file]))


def _kept_latency(folder: Path, console: Console) -> int:
    """The latency of a chip's known frames: measured once, it is the same for all weights."""
    path, doing = folder / "latency.json", "known frames through the Verilated chip"

    def make() -> None:
        with console.status(f"{doing} (its simulator is built once) ...") as status:
            cycles = measured_latency(folder, lambda done: status.update(f"{doing}: {done} done ..."))
        write_json(path, {"latency_cycles": cycles})

    kept(path, Build.load(folder).manifest.content, make)
    return int(json.loads(path.read_text())["latency_cycles"])


def main(
    preset: PresetName = "tiny",
    board: BoardName = "pynq-z2",
) -> None:
    """The archive of a preset for a board; compiles the preset where need be."""
    console, target, settings = Console(), load_board(board), network(preset)
    model = exported_model(settings).with_name("model.npz")
    ready = compiled_for(settings.preset, target, model)
    folder = ready.folder if ready else compiled_chip(settings, board).parent
    latency = _kept_latency(folder, console)
    name = f"shiftcore-{settings.name}-{target.name}"
    files = contents(folder, latency, wheels(), model)
    path = folder / f"{name}.tar.gz"
    pack(path, name, files)
    print(f"{path}: {len(files)} files, {path.stat().st_size / 1e6:.1f} MB; every frame takes {latency:,} cycles")
    if not maker(folder / "chip"):
        print(f"no bitstream in it: `make bitstream PRESET={preset} BOARD={board}` makes one, then deploy again")
