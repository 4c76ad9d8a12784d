# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore certify`: rehearsed whole against the Verilated chip behind the real pynq, and its parts one by one: what
is wrong must be found, and a certificate that was changed must be told.

What no rehearsal shows is a board's own figures: its clock, sensors and rails are what the tests put there.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shiftcore import certificate
from shiftcore.driver import Accelerator
from shiftcore.driver.backends.reference import ReferenceBackend
from shiftcore.driver.build import Build
from shiftcore.driver.certify import command, page, sensors, stages
from shiftcore.driver.certify.soak import Clips, Soak, soak
from shiftcore.errors import UserError
from shiftcore.hw import selftest
from shiftcore.hw.boards import load_board
from shiftcore.model.reference import Reference
from tests.driver.pynq_board import PynqBoard
from tests.driver.test_board import give_bitstream
from tests.environments import pynq_environment

Z2 = load_board("pynq-z2")
FRAMES = 90
REHEARSAL = """
import runpy, sys, types
from pathlib import Path
import pynq.pmbus
from shiftcore.driver.certify import sensors

build, output, sensors.IIO = sys.argv[1], sys.argv[2], Path(sys.argv[3])
rail = pynq.pmbus.Rail("INT")
rail.voltage, rail.current = types.SimpleNamespace(value=1.0), types.SimpleNamespace(value=0.42)
pynq.pmbus.get_rails = lambda: {"INT": rail, "12V": pynq.pmbus.Rail("12V")}
sys.argv[1:] = ["certify", "--build", build, "--frames", sys.argv[4], "--output", output]
runpy.run_module("shiftcore", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def build(tiny_chip: Path, tmp_path: Path) -> Path:
    """A copy of tiny's build folder, its chip alone in it."""
    folder = tmp_path / "build"
    shutil.copytree(tiny_chip, folder / "chip")
    return folder


def xadc(folder: Path) -> Path:
    """The XADC of a Zynq-7000 at 34.6 degrees, as Linux shows it."""
    device = folder / "iio:device0"
    device.mkdir(parents=True)
    for name, text in (("raw", "2500"), ("offset", "-2219"), ("scale", "123.040771484")):
        (device / f"in_temp0_{name}").write_text(f"{text}\n")
    (device / "in_voltage0_vccint_raw").write_text("1365\n")
    return folder


@pytest.fixture
def board(tiny_chip: Path, tmp_path: Path) -> Iterator[PynqBoard]:
    made = PynqBoard(tmp_path / "board", Z2, tiny_chip, pynq_environment("3.1.2"))
    yield made
    made.close()


def test_rehearsal_behind_the_real_pynq(build: Path, board: PynqBoard, latency: int, tmp_path: Path) -> None:
    selftest.write(build / "chip" / "selftest.npz", Reference.load(build / "chip" / "model.npz"), latency)
    give_bitstream(build)
    output = tmp_path / "certificate"
    done = board.run("-c", REHEARSAL, str(build), str(output), str(xadc(tmp_path / "iio")), str(FRAMES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "certificate.json: passed" in done.stdout and "FAIL" not in done.stdout
    found = certificate.read(output / "certificate.json")
    sections = found["sections"]
    assert found["kind"] == "board" and sections["verdict"] == {"passed": True, "why": []}
    run = sections["soak"]
    assert (run["frames"], run["wrong"], run["lost"], run["streams"]) == (FRAMES, 0, 0, 4)
    assert sections["latency"]["cycles"] == {str(latency): FRAMES}
    assert sections["latency"]["simulated_cycles"] == latency
    assert abs(sections["clock"]["measured_mhz"] / 100 - 1) < 1e-3
    assert 0.5 < sections["throughput"]["core_busy"] <= 1
    assert sections["throughput"]["chip_frames_per_second"] == pytest.approx(5425, abs=1)
    assert sections["waiting"]["for_results"] == "polling"
    assert sections["build"]["build_hash"] == sections["build"]["bitstream"]["build_hash"]
    assert all(check["passed"] for check in sections["selftest"]) and len(sections["selftest"]) > 30
    for sample in sections["samples"]:
        assert sample["celsius"] == {"iio:device0 temp0": 34.57} and sample["watts"] == {"INT": 0.42}
    text = (output / "certificate.html").read_text()
    assert "<h1 class=good>tiny on pynq-z2: passed</h1>" in text and text.count("<svg") >= 1


def test_a_rehearsal_without_a_board_says_so(build: Path, tmp_path: Path) -> None:
    command.main(build, backend="reference", frames=40, output=tmp_path)
    found = certificate.read(tmp_path / "certificate.json")
    assert found["kind"] == "rehearsal" and found["sections"]["board"]["backend"] == "reference"


def run_soak(build: Build, frames: int, wrong_at: int = -1) -> Soak:
    """A soak of the reference, which gives one wrong logit at that frame."""
    count = 0

    def infer(*context: object) -> np.ndarray:
        nonlocal count
        count += 1
        logits = reference.infer(*context)  # type: ignore[arg-type]
        return logits + (np.arange(len(logits)) == 1) if count == wrong_at else logits

    reference = Reference.load(build.model)
    chip = ReferenceBackend(build, infer)
    with Accelerator(build, chip) as accelerator:
        return soak(accelerator, chip, Clips(build, seed=1), frames, 10.0, lambda _: None)


def test_every_frame_is_compared(build: Path) -> None:
    made = Build.load(build)
    good = run_soak(made, 60)
    assert (good.frames, good.wrong, good.lost, good.error, good.streams) == (60, 0, 0, "", 4)
    assert good.clips > 4
    bad = run_soak(made, 60, wrong_at=37)
    assert bad.wrong >= 1 and "frame 36 of stream" in bad.first_wrong


def test_an_hour_too_short_ends_it(build: Path) -> None:
    made = Build.load(build)
    chip = ReferenceBackend(made)
    with Accelerator(made, chip) as accelerator:
        found = soak(accelerator, chip, Clips(made, seed=1), 10_000, 0.0, lambda _: None)
    assert 0 < found.frames < 100 and found.lost == 0


def sections_of(build: Build, found: Soak, latency: int | None, selftest_passed: bool = True) -> command.Sections:
    known = command.Known.load(build)
    known = command.Known(known.frames, known.streams, known.clears, known.logits, latency)
    check = {"name": "ID is the build's", "passed": selftest_passed, "detail": "0x0"}
    return {"selftest": [check], **command._of_the_soak(found, build, known, "board")}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, []),
        ({"wrong": 2, "first_wrong": "frame 3"}, ["soak: 2 frames are wrong, frame 3"]),
        ({"lost": 1}, ["soak: 1 frames have no result"]),
        ({"error": "the chip hangs"}, ["soak: the chip hangs"]),
        ({"cycles": 90_000_000}, ["the clock runs at 90.000 MHz, and 100 are asked for"]),
        ({"latencies": {28_205: 5, 28_206: 1}}, ["latency: 28205 and 28206 cycles, 28205 by the simulator"]),
        ({"latencies": {28_206: 6}}, ["latency: 28206 cycles, 28205 by the simulator"]),
    ],
)
def test_the_verdict(build: Path, change: dict[str, object], why: list[str]) -> None:
    whole = {"frames": 6, "seconds": 1.0, "cycles": 100_000_000, "latencies": {28_205: 6}, **change}
    sections = sections_of(Build.load(build), Soak(**whole), 28_205)  # type: ignore[arg-type]
    assert command._verdict(sections, []) == {"passed": not why, "why": why}


def test_a_failed_selftest_and_a_source_are_in_the_verdict(build: Path) -> None:
    sections = sections_of(Build.load(build), Soak(), None, selftest_passed=False)
    why = ["self-test: ID is the build's: 0x0", "cam: gave no image"]
    assert command._verdict(sections, ["cam: gave no image"]) == {"passed": False, "why": why}


def test_cpu_by_stage_of_a_video(build: Path, clip: Path, reader: str) -> None:
    made = Build.load(build)
    with Accelerator(made, ReferenceBackend(made)) as accelerator:
        row = stages.measure(accelerator, str(clip), [])
    assert (row.images, row.frames, row.width, row.height) == (16, 16, 128, 96)
    assert row.decode_ms >= 0 and row.drive_ms > 0


def test_no_sensors_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "IIO", tmp_path)
    seen = sensors.Sensors()
    seen.look(5, now=True)
    assert [(sample.celsius, sample.watts, sample.frames) for sample in seen.samples] == [({}, {}, 5)]


def test_a_certificate_that_was_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    certificate.write(file, "board", {"one": {"a": 1.5}, "two": ["b"], "none": float("nan")})
    assert certificate.read(file)["sections"] == {"one": {"a": 1.5}, "two": ["b"], "none": None}
    text = file.read_text()
    for old, new, section in (("1.5", "1.6", "one"), ('"b"', '"c"', "two"), ('"board"', '"vivado"', "one")):
        file.write_text(text.replace(old, new))
        with pytest.raises(UserError, match=f"changed since it was sealed: from section '{section}' on"):
            certificate.read(file)
    for text in ("", "{}", json.dumps({"format": "shiftcore-chip", "version": 1})):
        file.write_text(text)
        with pytest.raises(UserError, match="no certificate of this version"):
            certificate.read(file)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
def test_it_is_signed_by_an_ssh_key(tmp_path: Path) -> None:
    file, key = tmp_path / "certificate.json", tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    certificate.write(file, "board", {"one": 1})
    signature = certificate.sign(file, key)
    (tmp_path / "signers").write_text(f"me {key.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "signers"), "-I", "me", "-n", certificate.NAMESPACE]
    for content, right in ((file.read_bytes(), True), (b"{}", False)):
        done = subprocess.run([*verify, "-s", str(signature)], input=content, capture_output=True, check=False)
        assert (done.returncode == 0) == right
    with pytest.raises(UserError, match="does not sign with"):
        certificate.sign(file, tmp_path / "signers")


def test_the_page_shows_what_is_wrong_and_lets_nothing_through(tmp_path: Path) -> None:
    sample = {"seconds": 0.0, "celsius": {"a": 40.0}, "watts": {}, "frames": 0}
    row = {"source": "<b>", "width": 4, "height": 3, "decode_ms": 1.0, "shrink_ms": 0.0, "drive_ms": 0.5}
    page.write(tmp_path / "page.html", {
        "verdict": {"passed": False, "why": ["<script>"]}, "build": {"preset": "tiny", "board": "z2"},
        "latency": {"cycles": {"28205": 3}}, "stages": [row],
        "samples": [{**sample, "seconds": 2.0 * at, "celsius": {"a": 40.0 + at}, "frames": 8 * at} for at in range(3)],
    })  # fmt: skip
    text = (tmp_path / "page.html").read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text and "<b>" not in text
    assert text.count("<svg") == 4 and "FAILED" in text
