# SPDX-License-Identifier: BSD-3-Clause
"""Strategies: what they start from and learn from; a mistake is one line; teachers teach; NaN stops in one line."""

from pathlib import Path

import pytest
import torch

from shiftcore.errors import UserError
from shiftcore.quant import checkpoint, tuning
from shiftcore.quant.data import folder_clips
from shiftcore.quant.learner import two_phases
from shiftcore.quant.network import random_network
from shiftcore.quant.preset import Preset, load_preset, parse_preset
from shiftcore.quant.strategies import Strategy, own
from tests.commands import shiftcore
from tests.quant import topologies
from tests.quant.test_frames import PRESET, write

CLASSES = ("calm", "fight")


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for label in CLASSES:
        for index in range(3):
            write(tmp_path / "videos" / label / f"{index}.mp4", index, 10, (30, 40))
    return tmp_path / "videos"


def preset_of(**training: object) -> Preset:
    values = topologies.NARROW.model_dump(mode="json")
    values["data"] |= {"source": "folder", "num_segments": 4}
    values["training"] |= {"batch_size": 4, "float_epochs": 1, "qat_epochs": 1, "keep": "last", **training}
    return parse_preset(values, "narrow")


@pytest.fixture
def start(tmp_path: Path) -> Path:
    checkpoint.save(random_network(preset_of(), 3, CLASSES), preset_of(), tmp_path / "start.pt")
    return tmp_path / "start.pt"


@pytest.mark.parametrize("name", ["finetune", "head", "last-1", "adapters"])
def test_a_strategy_trains_through_both_phases_and_moves_only_its_part(
    name: str, videos: Path, start: Path, tmp_path: Path
) -> None:
    preset, (learned, _) = preset_of(), checkpoint.load(start)
    trained = two_phases(preset, folder_clips(preset, videos), tmp_path / "run", Strategy(name, start))
    moved = {
        key for key, value in trained.network.state_dict().items() if not torch.equal(value, learned.state_dict()[key])
    }
    assert "classifier.weight" in moved
    early = "stem.conv.weight" in moved
    assert early == (name in ("finetune", "adapters"))
    assert set(trained.network.state_dict()) == set(learned.state_dict())


def test_other_classes_keep_everything_but_the_classifier(start: Path) -> None:
    network = Strategy("head", start).begin(preset_of(), ("run", "sit", "stand"))
    learned, _ = checkpoint.load(start)
    assert network.classifier.weight.shape[0] == 3
    assert torch.equal(network.stem.conv.weight, learned.stem.conv.weight)


def test_a_teacher_is_followed(videos: Path, start: Path, tmp_path: Path) -> None:
    """With nothing but the teacher in the loss, what is learned is the teacher's, though the labels say otherwise."""
    preset = preset_of(distillation=1.0, float_epochs=60, float_lr=0.02)
    data, (teacher, _) = folder_clips(preset, videos), checkpoint.load(start)
    clips = torch.stack([data.validation[index][0] for index in range(2)]).float()
    trained = two_phases(preset, data, tmp_path / "run", Strategy(taught_by=(start,)))
    with torch.no_grad():
        wanted = teacher(clips).mean(1).softmax(1)
        before = Strategy().begin(preset, CLASSES).eval()(clips).mean(1).softmax(1)
        after = trained.warm(clips).mean(1).softmax(1)
    assert (after - wanted).abs().mean() < 0.5 * (before - wanted).abs().mean()


def test_a_loss_that_is_no_number_stops_in_one_line(videos: Path, tmp_path: Path) -> None:
    preset = preset_of(float_lr=1e30, float_epochs=4)
    with pytest.raises(
        UserError, match=r"training diverged in epoch \d: the loss is (nan|inf); lower the learning rate"
    ):
        two_phases(preset, folder_clips(preset, videos), tmp_path / "run")


def test_every_strategy_is_one_that_tuning_knows(start: Path) -> None:
    """The less of the network it names, the fewer numbers training moves."""
    network, moved = random_network(preset_of(), 0, CLASSES), {}
    for name in ("scratch", "finetune", "last-1", "head", "adapters"):
        tuning.restrict(network, Strategy(name, None if name == "scratch" else start).tune)
        moved[name] = tuning.trained_parameters(network)
    whole = sum(parameter.numel() for parameter in random_network(preset_of(), 0, CLASSES).parameters())
    assert moved["scratch"] == moved["finetune"] == whole
    assert whole > moved["last-1"] > moved["head"] == sum(p.numel() for p in network.classifier.parameters())
    assert whole > moved["adapters"] > moved["head"]


def test_a_preset_names_what_it_starts_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIFTCORE_BUILD", str(tmp_path / "build"))
    path = tmp_path / "start.toml"
    path.write_text(PRESET)
    before, preset = load_preset(str(path)), preset_of(start=str(path))
    assert own(preset_of()) == Strategy()
    with pytest.raises(UserError, match=r"preset 'narrow' starts from '.*start\.toml', which has no weights"):
        own(preset)
    trained = checkpoint.trained_path(before)
    checkpoint.save(random_network(before, 3, CLASSES), before, trained)
    assert own(preset) == Strategy("finetune", trained)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "quant/pretrained/tiny.pt"], "tiny.pt: a checkpoint of preset 'tiny', whose [network] is another"),
        (["--strategy", "head"], "strategy 'head' needs a checkpoint to start from"),
        (["--strategy", "scratch", "--from", "quant/pretrained/tiny.pt"], "starts from no checkpoint"),
        (["--strategy", "magic"], "strategy 'magic': not one of"),
        (["--teacher", "absent.pt"], "absent.pt: no such checkpoint"),
        (["--from", "README.md"], "README.md: not a checkpoint"),
    ],
)
def test_mistakes_of_a_strategy_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    for label in ("calm", "fight"):
        for index in range(2):
            write(tmp_path / "videos" / label / f"{index}.mp4", index, 6, (64, 64))
    (tmp_path / "small.toml").write_text(PRESET)
    given = ["--preset", tmp_path / "small.toml", "--data", tmp_path / "videos", *arguments]
    result = shiftcore("qat", *given, SHIFTCORE_BUILD=tmp_path / "build")
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ") and message in last and "Traceback" not in result.stderr
    assert not (tmp_path / "build" / "small" / "qat" / "best.pt").exists()
