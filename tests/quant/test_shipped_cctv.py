# SPDX-License-Identifier: BSD-3-Clause
"""The shipped `cctv` on real footage: what the chip computes is what the quantized network predicts, clip by clip."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from shiftcore.artifacts import digest
from shiftcore.model.reference import Reference
from shiftcore.quant.checkpoint import PRETRAINED, chosen_threshold, load_network
from shiftcore.quant.data import inputs
from shiftcore.quant.export import export, integer_reference
from shiftcore.quant.metrics import auc
from shiftcore.quant.preset import load_preset
from tests.real_clips import REAL_CLIPS, real_clips

PRESET = load_preset("cctv")
WEIGHTS = PRETRAINED / "cctv.pt"
SHIPPED = PRETRAINED / "cctv.npz"


def test_weights_are_of_this_preset_and_carry_their_threshold(tmp_path: Path) -> None:
    network, source = load_network(PRESET, WEIGHTS)
    assert source == WEIGHTS and network.classes == ("fight", "no_fight")
    threshold = chosen_threshold(WEIGHTS)
    assert threshold is not None and 0 < threshold < 1
    folder = export(network, PRESET, tmp_path / "export", True, threshold, digest(WEIGHTS))
    alarm = Reference.load(folder / "model.npz").description.alarm
    assert alarm and alarm.threshold == threshold
    with np.load(folder / "model.npz") as made, np.load(SHIPPED) as shipped:
        again = "else run `shiftcore export --preset cctv`, and ship its model.npz"
        assert sorted(made.files) == sorted(shipped.files), again
        assert all(np.array_equal(made[name], shipped[name]) for name in made.files), again


@pytest.mark.skipif(not real_clips(), reason="the real clips are not beside this checkout")
def test_integer_predictions_are_the_networks() -> None:
    """Every eighth clip: its total of integer logits equals the quantized network's, divided by the known scale."""
    network, _ = load_network(PRESET, WEIGHTS)
    reference = integer_reference(network, PRESET, trained=True)
    rows = list(csv.DictReader((REAL_CLIPS / "index.csv").open()))[::8]
    for row in rows:
        clip = inputs(PRESET, REAL_CLIPS / row["clip"])
        integers = [reference.infer(pixels, clear=index == 0) for index, pixels in enumerate(clip)]
        with torch.inference_mode():
            real = network.eval()(torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float())[0].double()
        expected = np.rint(real.numpy() / reference.description.logit_scale).astype(np.int64)
        assert np.array_equal(np.stack(integers), expected), row["clip"]


@pytest.mark.skipif(not real_clips(), reason="the real clips are not beside this checkout")
def test_what_learned_from_drawn_people_alone_knows_real_fights() -> None:
    """Every fourth clip; what size, rate, light and crude motion tell of all of them is an AUC of 0.777."""
    preset = load_preset("cctv-synthetic")
    network, _ = load_network(preset, PRETRAINED / "cctv-synthetic.pt")
    reference = integer_reference(network, preset, trained=True)
    rows = list(csv.DictReader((REAL_CLIPS / "index.csv").open()))[::4]
    scores = []
    for row in rows:
        clip = inputs(preset, REAL_CLIPS / row["clip"])
        fight, calm = np.mean([reference.infer(pixels, clear=index == 0) for index, pixels in enumerate(clip)], 0)
        scores.append(fight - calm)
    assert auc(np.array([row["label"] == "fight" for row in rows]), np.array(scores)) > 0.85
