"""`make deploy`: one archive to copy to a board, with all that it runs: driver, reference, model, bitstream, packages.

The chip has to pass first: its known frames go through the Verilated RTL, and the latency found there is what the
board's self-test will ask for. The same inputs give the same bytes.
"""

import gzip
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common import cli
from common.artifacts import BUILD, ROOT, atomic_file, atomic_folder, digest
from common.errors import UserError
from common.preset import load_preset
from driver import Accelerator
from driver.build import Build
from driver.selftest import Known, run_known
from flow.build import compiled_chip
from hw import selftest
from hw.bitstream import maker
from hw.boards import load_board
from sim.reference import Reference

REQUIREMENTS = ROOT / "driver" / "requirements.txt"
START = ROOT / "driver" / "start.sh"
# What the board imports beside driver/: NumPy, the standard library, and the packages of driver/requirements.txt.
MODULES = (
    *("common/__init__.py", "common/errors.py", "common/cli.py", "common/artifacts.py"),
    *("sim/__init__.py", "sim/reference.py", "sim/decision.py", "sim/preprocess.py", "sim/sampling.py", "sim/video.py"),
)

Files = dict[str, bytes]  # by their path in the archive


def measured_latency(folder: Path) -> int:
    """Run the known frames of the build in `folder` through its Verilated chip; returns the latency of all of them, in
    cycles. Raises UserError when a logit is wrong or latencies differ."""
    known = Known.load(Build.load(folder))
    with Accelerator.open(folder, "rtl") as accelerator:
        results = run_known(accelerator, known)
    wrong = sum(result.logits.tolist() != logits.tolist() for result, logits in zip(results, known.logits, strict=True))
    cycles = {result.latency_cycles for result in results}
    if wrong or len(cycles) != 1:
        raise UserError(
            f"{folder}: the Verilated chip fails: {wrong} frames are wrong, latencies {sorted(cycles)} cycles"
        )
    return cycles.pop()


def wheels() -> list[Path]:
    """The wheels of driver/requirements.txt, fetched once; none, after a line that says why, where that fails."""
    folder = BUILD / "tools" / f"wheels-{digest(REQUIREMENTS)[:12]}"
    if not folder.is_dir():
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
            *("--platform=any", "--implementation=py", "--abi=none", "--python-version=3.10", "--require-hashes"),
            *("--requirement", str(REQUIREMENTS)),
        ]
        with tempfile.TemporaryDirectory() as fetched:
            done = subprocess.run([*command, "--dest", fetched], capture_output=True, text=True, check=False)
            if done.returncode:
                reason = next((line for line in done.stderr.splitlines() if line.startswith("ERROR: ")), "pip failed")
                print(f"warning: no wheels in the archive, the board has to have them: {reason}", file=sys.stderr)
                return []
            with atomic_folder(folder) as temporary:
                for wheel in Path(fetched).iterdir():
                    (temporary / wheel.name).write_bytes(wheel.read_bytes())
    return sorted(folder.glob("*.whl"))


def contents(folder: Path, latency_cycles: int, packages: list[Path]) -> Files:
    """Every file of the archive for the build in `folder`, build/PRESET/BOARD."""
    preset, board = folder.parent.name, folder.name
    where = f"build/{preset}/{board}"
    sources = [path for path in (ROOT / "driver").rglob("*.py") if "__pycache__" not in path.parts]
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in (*sources, REQUIREMENTS, ROOT / "LICENSE")}
    files |= {name: (ROOT / name).read_bytes() for name in MODULES}
    files |= {f"{where}/chip/{name}": (folder / "chip" / name).read_bytes() for name in ("manifest.json", "model.npz")}
    files[f"{where}/chip/selftest.npz"] = _known_frames(folder / "chip" / "model.npz", latency_cycles)
    if maker(folder / "chip"):
        files |= {f"{where}/bitstream/{path.name}": path.read_bytes() for path in (folder / "bitstream").iterdir()}
    files |= {f"wheels/{path.name}": path.read_bytes() for path in packages}
    start = START.read_text().replace("@PRESET@", preset).replace("@BOARD@", board)
    files["shiftcore"] = start.encode()
    files["README.md"] = _readme(preset, board, has_bitstream=any("/bitstream/" in name for name in files)).encode()
    return files


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


def main(
    preset: Annotated[str, typer.Option(help="a shipped preset, or a TOML file")] = "tiny",
    board: Annotated[str, typer.Option(help="a board of hw/boards")] = "pynq-z2",
) -> None:
    """The archive of a preset for a board; compiles the preset where need be."""
    console, place, settings = Console(), load_board(board), load_preset(preset)
    folder = compiled_chip(settings, board).parent
    with console.status("known frames through the Verilated chip (its simulator is built once) ..."):
        latency = measured_latency(folder)
    name = f"shiftcore-{settings.name}-{place.name}"
    files = contents(folder, latency, wheels())
    path = folder / f"{name}.tar.gz"
    pack(path, name, files)
    print(f"{path}: {len(files)} files, {path.stat().st_size / 1e6:.1f} MB; every frame takes {latency:,} cycles")
    if not maker(folder / "chip"):
        print(f"no bitstream in it: `make bitstream PRESET={preset} BOARD={board}` makes one, then deploy again")


if __name__ == "__main__":
    cli.run(main)
