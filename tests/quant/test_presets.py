# SPDX-License-Identifier: BSD-3-Clause
"""A preset is checked at the door: every mistake is one line that names the file and the key."""

from pathlib import Path

import pytest
import tomllib

from shiftcore.errors import UserError
from shiftcore.quant.preset import PRESETS, load_preset
from tests.commands import shiftcore

GOOD = """
[input]
height = 32
width = 32
[network]
stem = { width = 16, stride = 2 }
stages = [{ width = 16, stride = 1, blocks = 1 }, { width = 32, stride = 2, blocks = 1 }]
"""

MISTAKES = {
    "unknown key": ("width = 32\n", "width = 32\ncolour = 1\n", "input.colour: unknown key"),
    "unknown table": ("[network]", "[misc]\na = 1\n[network]", "misc: unknown key"),
    "missing key": ("height = 32\n", "", "input.height: Field required"),
    "broken TOML": ("[network]", "[network", "not a TOML file"),
    "size too small": ("height = 32", "height = 4", "input.height"),
    "size that no stride divides": ("height = 32", "height = 33", "stem: a 33x32 map cannot be divided"),
    "map smaller than its kernel": ("height = 32\nwidth = 32", "height = 8\nwidth = 8", "stages.1: its 2x2 output"),
    "stride": ("stride = 1", "stride = 3", "stages.0.stride"),
    "no stage": ("stages = [", "stages = []\nunused = [", "stages"),
    "a width that cannot shift": ("{ width = 16, stride = 1", "{ width = 12, stride = 1", "no multiple of fold_div"),
    "bits too few": ("[network]", "[quantization]\nweight_bits = 1\n[network]", "quantization.weight_bits"),
    "bits too many": ("[network]", "[quantization]\nact_bits = 9\n[network]", "quantization.act_bits"),
    "bits not whole": ("[network]", "[quantization]\nact_bits = 4.5\n[network]", "quantization.act_bits"),
    "a release above the threshold": (
        "[network]",
        "[alarm]\nrelease = 0.9\n[network]",
        "alarm: release = 0.9 is",
    ),
    "a threshold that is no probability": ("[network]", "[alarm]\nthreshold = 80\n[network]", "alarm.threshold"),
    "a time below zero": ("[network]", "[alarm]\nmin_seconds = -1\n[network]", "alarm.min_seconds"),
    "a task beside an event": (
        "[network]",
        '[data]\nevents = ["door", "arrow"]\n[network]',
        "data: events: 'arrow' is a scene of its own",
    ),
    "too few frames to pass a gate": (
        "[network]",
        '[data]\nevents = ["passes"]\nnum_segments = 4\n[network]',
        "data: num_segments = 4: `passes` needs 8 frames",
    ),
    "streams": ("[network]", "[hardware]\nstreams = 0\n[network]", "hardware.streams"),
    "ingest of colours": (
        "[network]",
        "[hardware]\nstreams = 2\ningest = true\n[network]",
        "hardware.ingest: is for `motion`, an even number of pixels and 2 streams or more; this preset has rgb,",
    ),
}


def preset_file(folder: Path, old: str = "", new: str = "") -> Path:
    path = folder / "mine.toml"
    path.write_text(GOOD.replace(old, new, 1) if old else GOOD)
    return path


def test_a_preset_without_ingest_does_not_say_so(tmp_path: Path) -> None:
    """What is made of it, down to the identity of its network, is what it was before there was ingest."""
    preset = load_preset(str(preset_file(tmp_path)))
    assert "ingest" not in preset.model_dump_json()
    text = 'representation = "motion"\n[hardware]\nstreams = 2\ningest = true\n[network]'
    assert '"ingest":true' in load_preset(str(preset_file(tmp_path, "[network]", text))).model_dump_json()


def test_the_good_preset_is_taken(tmp_path: Path) -> None:
    preset = load_preset(str(preset_file(tmp_path)))
    assert preset.name == "mine"
    assert preset.network.stages[1].width == 32


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_line_with_file_and_key(tmp_path: Path, mistake: str) -> None:
    old, new, expected = MISTAKES[mistake]
    path = preset_file(tmp_path, old, new)
    with pytest.raises(UserError) as caught:
        load_preset(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert expected in message
    assert "\n" not in message


def test_a_changed_preset_is_checked_like_a_file() -> None:
    tiny = load_preset("tiny")
    changed = tiny.with_(name="other", training={"seed": 5, "batch_size": 3})
    assert (changed.name, changed.training.seed, changed.training.batch_size) == ("other", 5, 3)
    assert changed.training.float_lr == tiny.training.float_lr and changed.network == tiny.network
    assert changed.with_(name=tiny.name, training=tiny.training) == tiny
    for changes, said in (
        ({"training": {"batch_size": 0}}, "training: batch_size: "),
        ({"network": {"fold_div": 7}}, "network: stages.0.width = "),
        ({"input": {"height": 33}}, "preset: stem: a 33x32 map"),
        ({"colour": 1}, "preset: colour: unknown key"),
    ):
        with pytest.raises(UserError, match=said):
            tiny.with_(**changes)


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_presets_load(preset: Path) -> None:
    assert load_preset(preset.stem).name == preset.stem
    assert tomllib.loads(preset.read_text())


def test_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(UserError, match=r"'tyni'.*cctv.*tiny"):
        load_preset("tyni")


@pytest.mark.parametrize("command_name", ["qat", "export", "compile"])
def test_every_command_answers_in_one_line_with_exit_code_2(tmp_path: Path, command_name: str) -> None:
    old, new, expected = MISTAKES["bits too many"]
    result = shiftcore(command_name, "--preset", preset_file(tmp_path, old, new))
    assert result.returncode == 2
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1
