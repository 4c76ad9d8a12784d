# SPDX-License-Identifier: BSD-3-Clause
"""The fuzzer itself, and the networks that once went wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import shiftcore.flow.fuzz.__main__ as command
from shiftcore import cli
from shiftcore.artifacts import write_json
from shiftcore.errors import UserError
from shiftcore.flow.fuzz import check, report, watch
from shiftcore.flow.fuzz.case import Case, Frames, dimensions, read, write
from shiftcore.flow.fuzz.draw import draw
from shiftcore.hw.boards import BOARDS, load_board
from shiftcore.hw.estimate import LayerArea, Part, Report
from shiftcore.quant.preset import load_preset
from tests.checkout import ROOT

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
DRAWS = 300


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_once_went_wrong(path: Path, tmp_path: Path) -> None:
    result = watch.run(read(path), tmp_path / "work")
    assert result["outcome"] != "failed", (tmp_path / "work" / "log").read_text()
    shutil.rmtree(tmp_path / "work")


# What a case says, and what is drawn of it.


def test_every_seed_draws_another_network_that_a_preset_can_say() -> None:
    shapes = {json.dumps(draw(seed).parsed().network.model_dump()) for seed in range(DRAWS)}
    assert len(shapes) > DRAWS - 10


def test_a_seed_always_draws_the_same() -> None:
    assert draw(7) == draw(7)


def test_the_draw_covers_every_dimension() -> None:
    seen = defaultdict(set)
    for seed in range(DRAWS):
        for dimension, value in dimensions(draw(seed)).items():
            seen[dimension].add(value)
    bits = {str(bits) for bits in range(2, 9)}
    kinds = {"positive", "negative", "zero", "sparse", "extreme"}
    assert seen == {
        "classes": {"1", "2 to 11", "12 to 99", "from 100"},
        "weight_bits": bits,
        "act_bits": bits,
        "first_weight_bits": bits,
        "last_weight_bits": bits,
        "fold_div": {"1", "2", "3", "4", "5 to 7", "8", "9 to 16", "17 to 63", "from 64", "no shift"},
        "stages": {"1", "2 to 3", "from 4"},
        "blocks": {"0", "1", "2", "3 to 7", "from 8"},
        "width": {"1", "2 to 24", "25 to 64", "from 65"},
        "one channel": {"False", "True"},
        "stem": {"stride 1", "stride 2", "stride 1, pooled", "stride 2, pooled"},
        "frame": {"8 to 24", "25 to 96", "97 to 256", "from 257"},
        "shape": {"square", "high", "wide", "high, more than 4 to 1", "wide, more than 4 to 1"},
        "input": {"rgb", "motion"},
        "streams": {"1", "2 to 8", "9 to 127", "from 128"},
        "models": {"1", "2", "3", "4"},
        "rate": {"best", "1 to 99", "100 to 49999", "50000 to 999999", "from 1000000"},
        "board": {path.stem for path in BOARDS.glob("*.toml")},
        "resources": {"cut down", "the board's"},
        "weights": {"random", "trained", *kinds, *(f"{kind} in one layer" for kind in kinds)},
        "frames": {"noise", "black and white", "smooth", "sparse", "scene", "mixed"},
        **{name: {"False", "True"} for name in ("chip", "estimate", "netlist")},
    }


def test_a_case_is_read_as_it_was_written(tmp_path: Path) -> None:
    for seed in range(20):
        write(draw(seed), tmp_path / "case.json")
        assert read(tmp_path / "case.json") == draw(seed)


def test_a_case_of_before_is_still_read() -> None:
    """It said nothing of classes, weights, frames and what comes after the core."""
    case = read(Path(__file__).parent / "cases" / "one_channel.json")
    assert (case.classes, case.weights.kind, case.frames, case.after) == (None, "random", Frames(), ())
    assert dimensions(case)["classes"] == "2 to 11"


@pytest.mark.parametrize("text", [None, "{", "[]", '{"seed": 1, "board": "pynq-z2"}', '{"sead": 1}', "\xff"])
def test_no_case_is_one_line(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="case") as refusal:
        read(path)
    assert "\n" not in str(refusal.value)


# What is noticed in a run.


@pytest.fixture
def tiny(tiny_core: Path, tiny_export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The compiled `tiny`, a copy to be spoilt: what `check` finds compiled."""
    shutil.copytree(tiny_core, tmp_path / "core")
    shutil.copyfile(tiny_core.parent / "folding.json", tmp_path / "folding.json")
    monkeypatch.setattr(check, "export", lambda *_: tiny_export)
    monkeypatch.setattr(check, "compiled_core", lambda *_: tmp_path / "core")
    return tmp_path


def tiny_case(**changes: object) -> Case:
    preset = load_preset("tiny").model_dump(mode="json", include={"name", "input", "network", "hardware"})
    return Case.model_validate({"seed": 3, "board": "pynq-z2", "preset": preset, "classes": 2, **changes})


def detail_of(case: Case, folder: Path, outcome: str = "failed") -> str:
    result = check.attempt(case, folder / "log")
    assert result["outcome"] == outcome, (folder / "log").read_text()
    return str(result.get("detail", ""))


def spoil_weights(core: Path) -> None:
    """One bit of one weight of the last layer, inverted."""
    path = core / "data" / "classifier_memblock.dat"
    first, *rest = path.read_text().split()
    path.write_text("\n".join([f"{int(first, 16) ^ 1:0{len(first)}x}", *rest]) + "\n")


def spoil_clear(core: Path) -> None:
    """A shift that never clears its state."""
    path = core / "rtl" / "temporal_shift.sv"
    text = path.read_text()
    assert text.count("clear = s_ctx_tdata.CLEAR;") == 1
    path.write_text(text.replace("clear = s_ctx_tdata.CLEAR;", "clear = 1'b0;"))


def test_a_sound_core_is_equal(tiny: Path) -> None:
    assert not detail_of(tiny_case(), tiny, "equal")


@pytest.mark.parametrize("spoil", [spoil_weights, spoil_clear])
def test_a_differing_bit_is_a_failure(spoil: object, tiny: Path) -> None:
    assert callable(spoil)
    spoil(tiny / "core")
    assert "frame" in (detail := detail_of(tiny_case(), tiny)) and ": reference [" in detail


def test_a_spoilt_core_is_noticed_in_the_chip(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's error is one clear line, and yet no refusal."""
    spoil_weights(tiny / "core")
    monkeypatch.setattr(check, "_core", lambda *_: {"latency": 1})
    assert detail_of(tiny_case(after=["chip"]), tiny).startswith("DifferenceError: ")


def test_a_folding_past_the_board_is_a_failure(tiny: Path) -> None:
    rows = json.loads((tiny / "folding.json").read_text())
    rows[0]["DSP"] += 200
    write_json(tiny / "folding.json", rows)
    with pytest.raises(AssertionError, match=r"folded past the board: DSP 240 of 187 usable"):
        check._fits(tiny, load_board("pynq-z2"))


@pytest.mark.parametrize(("column", "more"), [("DSP", 1), ("LUTRAM", 10_000), ("FF", -10_000)])
def test_an_estimate_that_cannot_be_is_a_failure(column: str, more: int) -> None:
    counts = {"LUT": 10, "FF": 20, "LUTRAM": 4, "DSP": 3, "RAMB18": 0, "RAMB36": 1}
    parts, layer = [Part("stem", "stem", "layer", counts)], LayerArea("stem", counts, {"DSP": 3})
    sound = Report("a board", "a part", "xc7", "0", 1, 1, parts, [layer], counts, {}, {}, True)
    check._plausible(sound)
    spoilt = {**counts, column: counts[column] + more}
    with pytest.raises(AssertionError, match="estimate"):
        check._plausible(
            replace(sound, parts=[replace(parts[0], counts=spoilt)], layers=[replace(layer, counts=spoilt)])
        )


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        ("UserError('too wide')", "refused"),
        ("UserError('too wide\\nand too high')", "failed"),
        ("UserError('step fold: stopped after 3600 s without an end')", "failed"),
        ("ValueError('too wide')", "failed"),
    ],
)
def test_a_refusal_is_one_clear_line(
    raised: str, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise eval(raised)

    monkeypatch.setattr(check, "export", refuse)
    assert "too wide" in detail_of(tiny_case(), tmp_path, outcome) or "without an end" in raised


# A case in a process of its own, which it cannot leave.


def stand_in(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`code` instead of flow.fuzz.check; `case`, `log` and `result` are its arguments."""
    start = "import json, os, subprocess, sys, time\ncase, log, result = sys.argv[1:]\n"
    monkeypatch.setattr(watch, "CHECK", (sys.executable, "-c", start + code))


def gone(pid: int) -> bool:
    """Whether a process has ended, whether or not anyone has asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


SPIN, SLEEP = "while True: pass", "time.sleep(600)"


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("os._exit(11)", "the process died, exit code 11"),
        ("os.abort()", "the process died, exit code -6"),
        (SPIN, "no progress in 1 s of processor time"),
        (SLEEP, "no progress, asleep for 2 s"),
        (f"subprocess.run([sys.executable, '-c', {SPIN!r}])", "no progress in 1 s of processor time"),
        ("kept = bytearray(1 << 29)\nfor i in range(0, 1 << 29, 4096): kept[i] = 1\ntime.sleep(600)", "MiB of memory"),
    ],
)
def test_a_crash_a_hang_and_a_swelling_are_failures(
    code: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(code, monkeypatch)
    monkeypatch.setattr(watch, "LIMITS", watch.Limits(busy_s=1, asleep_s=2, memory=1 << 28, poll_s=0.1))
    result = watch.run(draw(1), tmp_path / "work")
    assert result["outcome"] == "failed" and detail in result["detail"], result


def test_a_long_case_that_gets_on_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times what a hang takes, and now and then a line."""
    code = """
for step in range(40):
    end = time.process_time() + 0.1
    while time.process_time() < end: pass
    print(step, flush=True)
json.dump({"outcome": "equal"}, open(result, "w"))
"""
    stand_in(code, monkeypatch)
    monkeypatch.setattr(watch, "LIMITS", watch.Limits(busy_s=1, asleep_s=600, poll_s=0.1))
    assert watch.run(draw(1), tmp_path / "work")["outcome"] == "equal"


@pytest.mark.parametrize(
    ("options", "end"), [("start_new_session=True", "time.sleep(600)"), ("", "time.sleep(600)"), ("", "os._exit(11)")]
)
def test_what_a_case_has_started_ends_with_it(
    options: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is stopped, and where it dies before them."""
    child = f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], {options})\n"
    stand_in(f"{child}print(child.pid, flush=True)\n{end}", monkeypatch)
    monkeypatch.setattr(watch, "LIMITS", watch.Limits(asleep_s=2, poll_s=0.1))
    watch.run(draw(1), tmp_path / "work")
    pid = int((tmp_path / "work" / "log").read_text())
    for _ in range(600):  # the kernel takes its time
        if gone(pid):
            return
        time.sleep(0.1)
    raise AssertionError(f"{pid} still runs")


def test_a_hang_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
from shiftcore.flow.fuzz import check
def hangs(*_): {SLEEP}
check.export = hangs
check.main(sys.argv[1:])
"""
    stand_in(code, monkeypatch)
    monkeypatch.setattr(watch, "LIMITS", watch.Limits(asleep_s=3, poll_s=0.1))
    assert watch.run(draw(1), tmp_path / "work")["detail"] == "no progress, asleep for 3 s"
    assert " in hangs\n" in (log := (tmp_path / "work" / "log").read_text()) and "== export" in log


# The fuzzer: one case after the other.

OUTCOMES = """
number = json.load(open(case))["seed"] % 3
answers = [{"outcome": "equal"}, {"outcome": "refused", "detail": "DSP (1 of 2)"}]
if number == 2: os._exit(11)
json.dump(answers[number], open(result, "w"))
"""


@pytest.fixture
def fuzzer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    stand_in(OUTCOMES, monkeypatch)
    monkeypatch.setattr(command, "work_folder", lambda: tmp_path)
    return CliRunner()


def fuzz(runner: CliRunner, *arguments: str) -> int:
    app = command.typer.Typer()
    app.command()(cli.command(command.main))
    return runner.invoke(app, arguments).exit_code


def names(folder: Path, seed: int) -> list[str]:
    return [json.loads(line)["name"] for line in (folder / "runs" / f"{seed}.jsonl").read_text().splitlines()]


def test_it_goes_on_after_a_failure_and_keeps_it(fuzzer: CliRunner, tmp_path: Path) -> None:
    assert fuzz(fuzzer, "--networks", "4", "--seed", "5") == 1
    assert names(tmp_path, 5) == [f"fuzz-500000{number}" for number in range(4)]
    failed = [draw(seed) for seed in range(5_000_000, 5_000_004) if seed % 3 == 2]
    assert {path.name for path in (tmp_path / "failed").iterdir()} == {
        f"{case.name}.{kind}" for case in failed for kind in ("json", "log")
    }
    kept = read(tmp_path / "failed" / f"{failed[0].name}.json")
    assert kept == failed[0].model_copy(update={"detail": "the process died, exit code 11"})
    assert not list((tmp_path / "work").iterdir())


def test_it_goes_on_where_it_stopped(fuzzer: CliRunner, tmp_path: Path) -> None:
    assert fuzz(fuzzer, "--networks", "1") == 0
    with open(tmp_path / "runs" / "0.jsonl", "a") as lines:
        lines.write('{"name": "cut sh')  # by a kill
    fuzz(fuzzer, "--networks", "2")
    assert names(tmp_path, 0) == ["fuzz-0", "fuzz-1", "fuzz-2"]


def test_seeds_run_beside_one_another(fuzzer: CliRunner, tmp_path: Path) -> None:
    with command.lock(tmp_path / "locks" / "7"):
        assert fuzz(fuzzer, "--networks", "1", "--seed", "7") == cli.USER_ERROR
        assert fuzz(fuzzer, "--networks", "1", "--seed", "8") == 1
    assert names(tmp_path, 8) == ["fuzz-8000000"]


def test_a_case_is_run_again_by_its_file(fuzzer: CliRunner, tmp_path: Path) -> None:
    write(draw(2), tmp_path / "case.json")
    assert fuzz(fuzzer, "--case", str(tmp_path / "case.json")) == 1
    assert fuzz(fuzzer, "--case", str(tmp_path / "no.json")) == cli.USER_ERROR


def test_report_counts_every_case_of_every_run(fuzzer: CliRunner, tmp_path: Path) -> None:
    fuzz(fuzzer, "--networks", "3", "--seed", "0")
    fuzz(fuzzer, "--networks", "3", "--seed", "3")
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["outcomes"] == {"equal": 2, "refused": 2, "failed": 2}
    assert found["refused"] == {"DSP (# of #)": 2} and found["failed"] == {"the process died, exit code #": 2}
    assert all(sum(sum(counts.values()) for counts in values.values()) == 6 for values in found["coverage"].values())
    assert "6 cases: 2 equal, 2 refused, 2 failed" in (tmp_path / "report.txt").read_text()


def test_kinds_are_alike_whatever_the_numbers() -> None:
    one = "hardware.target_fps = 500: not met on pynq-z1 at 100 MHz: DSP (240 of 187 usable)"
    other = "hardware.target_fps = 8000: not met on kv260 at 200 MHz: DSP (1,240 of 1060.8 usable)"
    assert report.kind(one) == report.kind(other)


def test_interrupted_it_leaves_nothing_running_and_runs_the_case_again(tmp_path: Path) -> None:
    code = f"""
import sys
from shiftcore.flow.fuzz import watch
watch.CHECK = (sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); {SLEEP}")
import typer
from shiftcore import cli
from shiftcore.flow.fuzz.__main__ import main
typer.run(cli.command(main))
"""
    environment = os.environ | {"SHIFTCORE_BUILD": str(tmp_path)}
    fuzzer = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / "fuzz" / "work" / "fuzz-0" / "log"
    while fuzzer.poll() is None and not (log.is_file() and log.read_text().endswith("\n")):
        time.sleep(0.05)
    pid = int(log.read_text())
    fuzzer.send_signal(signal.SIGTERM)
    assert "interrupted" in fuzzer.communicate()[1] and fuzzer.returncode == cli.USER_ERROR
    assert gone(pid) and not list((tmp_path / "fuzz" / "work").iterdir())
    assert not (tmp_path / "fuzz" / "runs" / "0.jsonl").exists()
