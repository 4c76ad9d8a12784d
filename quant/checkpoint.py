# SPDX-License-Identifier: BSD-3-Clause
"""Trained weights as one file: the network's parameters with the preset and the class names they belong to."""

import io
import itertools
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shiftcore.artifacts import PACKAGE_FOLDER, atomic_file
from shiftcore.errors import UserError
from shiftcore.quant.network import ReducedTSM, random_network
from shiftcore.quant.preset import Preset, parse_preset
from shiftcore.quant.synthetic import class_names

PRETRAINED = PACKAGE_FOLDER / "quant" / "pretrained"
VERSION = (
    2  # of what a checkpoint learned from; 2: the luma that a decoder gives; before, which did not say: gray of RGB
)

_COUNT = ".num_batches_tracked"
_NAMED = 3  # so many tensors are named in an error
_NONE = "not a checkpoint of this project (`make qat` writes one)"


def trained_path(preset: Preset) -> Path:
    """Where training leaves the best network of `preset`."""
    return preset.build / "qat" / "best.pt"


def save(network: ReducedTSM, preset: Preset, path: Path, threshold: float | None = None) -> None:
    """Write the network's parameters to `path`, atomically, and the alarm's `threshold` if one was chosen for them."""
    state = {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNT)}
    content: dict[str, Any] = {"preset": preset.model_dump(mode="json"), "classes": list(network.classes)}
    content |= {"version": VERSION, "threshold": threshold, "state": state}
    with atomic_file(path) as temporary, open(temporary, "wb") as file:  # a full disk is then an OSError
        torch.save(content, file)


def load(path: Path) -> tuple[ReducedTSM, Preset]:
    """The network saved in `path`, in canonical form, and its preset. Raises UserError, one line that names the file
    and the first tensors, when it is no checkpoint, is damaged, or does not hold exactly this network's weights."""
    content = _read(path)
    preset = parse_preset(content["preset"], str(path))
    network = ReducedTSM(preset, content["classes"])
    if preset.input.made_of.luma and content["version"] < VERSION:
        print(
            f"warning: {path}: learned from gray of RGB, and sees a decoder's luma now; train it anew", file=sys.stderr
        )
    fill(network, content["state"], path)
    check_finite(network.snap().state_dict(), path)  # finite numbers may be too large to compute with
    return network, preset


def chosen_threshold(path: Path) -> float | None:
    """The alarm's threshold, in (0, 1], that was chosen for the weights at `path`; None where none was.

    Raises UserError when it is no checkpoint or damaged, and for any other threshold.
    """
    threshold = _read(path)["threshold"]
    if threshold is not None and not (isinstance(threshold, int | float) and 0 < threshold <= 1):
        raise UserError(f"{path}: its alarm threshold is {threshold!r}, not a number above 0 and up to 1")
    return threshold


def fill(network: nn.Module, state: Mapping[str, Tensor], source: object) -> None:
    """Give `network` the parameters and statistics of `state`: all of them, and no others.

    A prefix common to all names (`module.` of DataParallel, `model.`, `_orig_mod.`) is taken off; floating point of
    another width is converted where that is exact. Only batch norm's count of batches, which decides nothing, may be
    missing. Raises UserError, beginning with `source`, for names or shapes that differ, and for values that are not
    finite.
    """
    wanted, given = network.state_dict(), _without_prefix(state, network.state_dict())
    for what, names in (
        ("not there", [name for name in wanted if name not in given and not name.endswith(_COUNT)]),
        ("not of this network", [name for name in given if name not in wanted]),
        ("of another shape", [f"{name} {_shape(given[name])}, not {_shape(wanted[name])}" for name in given
                              if name in wanted and given[name].shape != wanted[name].shape]),
    ):  # fmt: skip
        if names:
            raise UserError(f"{source}: not the weights of this network: {_first(names)} {what}")
    converted = {name: _converted(value, wanted[name].dtype) for name, value in given.items()}
    if inexact := [f"{name} ({given[name].dtype})" for name, value in converted.items() if value is None]:
        raise UserError(f"{source}: cannot be converted exactly to 32-bit floating point: {_first(inexact)}")
    exact = {name: value for name, value in converted.items() if value is not None}
    check_finite(exact, source)
    network.load_state_dict({**wanted, **exact})


def check_finite(state: Mapping[str, Tensor], source: object) -> None:
    """Raise UserError, beginning with `source`, when a tensor of a network's `state` holds NaN or infinity, or a
    variance below zero: whatever is computed from it would be a number all the same, and any."""
    for what, broken in (
        ("not finite", [name for name, value in state.items() if not torch.isfinite(value).all()]),
        ("negative", [name for name, value in state.items() if name.endswith("running_var") and (value < 0).any()]),
    ):
        if broken:
            raise UserError(f"{source}: holds values that are {what}: {_first(broken)}")


def _without_prefix(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` without that prefix of all its names, ending in a dot, which leaves most names that are `wanted`."""
    low, high = min(state, default=""), max(state, default="")  # all names begin as these two begin alike
    alike = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False)))
    cuts = [0, *(position + 1 for position, (letter, _) in enumerate(alike) if letter == ".")]
    cut = max(cuts, key=lambda cut: sum(name[cut:] in wanted for name in state))
    return {name[cut:]: value for name, value in state.items()}


def _converted(value: Tensor, dtype: torch.dtype) -> Tensor | None:
    """`value` as `dtype`; None where that would change it."""
    if not dtype.is_floating_point or value.dtype == dtype:
        return value.to(dtype)
    if not value.is_floating_point():
        return None
    result = value.to(dtype)
    return result if value.itemsize < result.itemsize or result.to(value.dtype).equal(value) else None


def _shape(value: Tensor) -> list[int]:
    return list(value.shape)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def read(path: Path) -> Any:
    """What torch has saved in `path`: tensors and plain values alone, nothing that could run code. Raises UserError for
    a missing or damaged file, and for one that holds other objects."""
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # of damaged bytes torch and pickle raise nearly everything
        objects = "; it holds objects other than tensors" if "Unsupported global" in str(error) else ""
        raise UserError(f"{path}: {_NONE}, or damaged{objects}") from None


def _read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, with the kinds of values that `save` writes."""
    content = read(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: {_NONE}")
    content.setdefault("threshold", None)
    content.setdefault("version", 1)
    if missing := [key for key in ("preset", "classes", "state") if key not in content]:
        raise UserError(f"{path}: {_NONE}: it holds no {' and no '.join(missing)}")
    classes, state = content["classes"], content["state"]
    if not (isinstance(classes, list) and classes and all(isinstance(name, str) for name in classes)):
        raise UserError(f"{path}: {_NONE}: its classes are no list of names")
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise UserError(f"{path}: {_NONE}: its state is no dictionary of names and tensors")
    plain = [
        isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta for value in state.values()
    ]
    if not all(plain):
        raise UserError(f"{path}: {_NONE}: {list(state)[plain.index(False)]} is no plain tensor")
    return content


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
