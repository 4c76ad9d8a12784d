"""Trained weights as one file: the network's parameters with the preset and the class names they belong to."""

import pickle
from pathlib import Path
from typing import Any

import torch

from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file
from shiftcore.errors import UserError
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset, parse_preset
from shiftcore.quant.synthetic import class_names

PRETRAINED = PACKAGE_FOLDER / "quant" / "pretrained"


def trained_path(preset: Preset) -> Path:
    """Where training leaves the best network of `preset`."""
    return preset.build / "qat" / "best.pt"


def save(network: ReducedTSM, preset: Preset, path: Path, threshold: float | None = None) -> None:
    """Write the network's parameters to `path`, atomically, and the alarm's `threshold` if one was chosen for them."""
    state = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    content: dict[str, Any] = {"preset": preset.model_dump(mode="json"), "classes": list(network.classes)}
    content |= {"threshold": threshold, "state": state}
    with atomic_file(path) as temporary, open(temporary, "wb") as file:  # a full disk is then an OSError
        torch.save(content, file)


def load(path: Path) -> tuple[ReducedTSM, Preset]:
    """The network saved in `path`, in canonical form, and its preset. Raises UserError when it is no checkpoint."""
    try:
        content = _read(path)
        preset = parse_preset(content["preset"], str(path))
        network = ReducedTSM(preset, content["classes"])
        network.load_state_dict(content["state"], strict=False)
    except (RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError):
        raise UserError(f"{path}: not a checkpoint of this project (`make qat` writes one)") from None
    return network.snap(), preset


def chosen_threshold(path: Path) -> float | None:
    """The alarm's threshold that was chosen for the weights at `path`; None where none was."""
    return _read(path).get("threshold")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def check_same(preset: Preset, trained: Preset, path: Path) -> None:
    """Raise UserError unless `trained`, the preset of the checkpoint at `path`, has the network and the input of
    `preset`."""
    for what in ("network", "quantization", "input"):
        if getattr(trained, what) != getattr(preset, what):
            raise UserError(
                f"{path}: a checkpoint of preset {trained.name!r}, whose [{what}] is another than that of preset "
                f"{preset.name!r}; train anew, or name a preset that fits"
            )


def load_network(preset: Preset, path: Path | None = None) -> tuple[ReducedTSM, Path | None]:
    """The network of `preset` from the checkpoint at `path`, or else from the one trained here, or else from the one
    shipped, and the file it came from; None stands for random, untrained weights.

    Raises UserError when `path` holds a network of another shape.
    """
    found = path or find(preset)
    if not found:
        return random_network(preset, preset.training.seed, class_names(preset.data.events)), None
    network, trained = load(found)
    check_same(preset, trained, found)
    return network, found


def find(preset: Preset) -> Path | None:
    """The weights of `preset`: those trained here, or else those shipped, or else none."""
    candidates = (trained_path(preset), PRETRAINED / f"{preset.name}.pt")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
