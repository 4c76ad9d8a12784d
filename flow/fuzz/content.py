# SPDX-License-Identifier: BSD-3-Clause
"""What a case's network has learned, and what its frames show: each by the case's seed alone."""

import numpy as np
import torch
from torch import Tensor, nn

from shiftcore.flow.fuzz.case import Case
from shiftcore.hw.graph import Frame
from shiftcore.quant import synthetic
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset

_STEPS = 25  # of training: enough to move every weight
_RESET_SHARE = 0.2  # of the frames begin a clip


def network(case: Case, classes: list[str]) -> ReducedTSM:
    """The network in canonical form, with weights of the case's kind."""
    preset = case.parsed()
    made = random_network(preset, case.seed, classes)
    if case.weights.kind == "random":
        return made
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(case.seed)
        if case.weights.kind == "trained":
            _train(made, _shape(preset))
            return made.snap()
        layers: list[nn.Module] = [layer.conv for layer, _, _ in made.convolutions()] + [made.classifier]
        number = case.weights.layer
        with torch.no_grad():
            for layer in layers if number is None else [layers[number % len(layers)]]:
                weight: Tensor = layer.weight  # type: ignore[assignment]  # nn.Module hides its type
                weight.copy_(_of_kind(case.weights.kind, weight))
            _settle(made, _shape(preset))
    return made.snap()


def _of_kind(kind: str, weight: Tensor) -> Tensor:
    if kind == "zero":
        return torch.zeros_like(weight)
    if kind == "sparse":
        return weight * (torch.rand_like(weight) < 0.1)
    if kind == "extreme":
        return weight.sign() * weight.abs().max()
    return weight.abs() if kind == "positive" else -weight.abs()


def _random_clips(shape: tuple[int, int, int]) -> Tensor:
    """Two clips of two frames of `shape` (rows, columns, channels), noise and smooth."""
    smooth = nn.functional.interpolate(torch.rand(2, shape[2], 4, 4), shape[:2], mode="bilinear")
    return (255 * torch.stack([smooth, torch.rand_like(smooth)])).round()


def _settle(made: ReducedTSM, shape: tuple[int, int, int]) -> None:
    """Batch norm's statistics anew, for other weights, so that as many channels as can be are busy."""
    made.train()
    for layer, _, _ in made.convolutions():
        layer.norm.reset_running_stats()
        layer.norm.momentum = None  # statistics are the plain mean over the batches
    for _ in range(4):
        made(_random_clips(shape))


def _train(made: ReducedTSM, shape: tuple[int, int, int]) -> None:
    """Some steps of quantization-aware training towards labels that mean nothing."""
    made.train()
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.02)
    for _ in range(_STEPS):
        logits = made(_random_clips(shape)).flatten(0, 1)
        labels = torch.randint(logits.shape[1], (len(logits),))
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()


def _shape(preset: Preset) -> tuple[int, int, int]:
    """Rows, columns and channels of a frame."""
    return preset.input.height, preset.input.width, preset.input.made_of.channels


def frames(case: Case, rng: np.random.Generator) -> list[Frame]:
    """The frames with their contexts: streams at random, and some of them begin a clip."""
    preset = case.parsed()
    shape = _shape(preset)
    scene = _scene(case, shape) if case.frames.kind in ("scene", "mixed") else None
    made = []
    for index in range(case.frames.count):
        kind = case.frames.kind
        if kind == "mixed":
            kind = rng.choice(["noise", "black and white", "smooth", "sparse", "scene"])
        pixels = scene[index] if kind == "scene" and scene is not None else _picture(kind, shape, rng)
        stream = int(rng.integers(preset.hardware.streams))
        made.append(Frame(pixels, stream, bool(rng.random() < _RESET_SHARE)))
    return made


def in_banks(frames: list[Frame], models: int, seed: int) -> tuple[list[int], list[Frame]]:
    """A bank for each frame, at random, and the frames: those that are of another one than their stream's last begin a
    clip."""
    banks: list[int] = np.random.default_rng([seed, models]).integers(models, size=len(frames)).tolist()
    last: dict[int, int] = {}
    made = []
    for frame, bank in zip(frames, banks, strict=True):
        made.append(frame._replace(clear=frame.clear or last.get(frame.stream, bank) != bank))
        last[frame.stream] = bank
    return banks, made


def _scene(case: Case, shape: tuple[int, int, int]) -> np.ndarray:
    return synthetic.clip(("door",), case.seed % 2, (case.frames.count, *shape[:2]), (case.seed, 0))[..., : shape[2]]


def _picture(kind: str, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """A uint8 picture of `shape` (rows, columns, channels): noise, one flat colour, waves, or black with some dots."""
    if kind == "noise":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == "black and white":
        return np.full(shape, rng.choice([0, 255]), np.uint8)
    rows, columns, channels = np.ogrid[: shape[0], : shape[1], : shape[2]]
    if kind == "smooth":
        pace = rng.integers(1, 20, 3)
        return ((pace[0] * rows + pace[1] * columns + 60 * channels) // pace[2] % 256).astype(np.uint8)
    return np.where(rng.random(shape) < 0.02, 255, 0).astype(np.uint8)
