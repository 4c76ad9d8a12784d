# SPDX-License-Identifier: BSD-3-Clause
"""Another model for a chip that runs: read, and held against what the chip was built for, before anything is sent."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shiftcore.driver.build import Build
from shiftcore.driver.errors import ShapeError
from shiftcore.model.reference import Reference


@dataclass(frozen=True)
class Change:
    """`model`: the integer model's file; `reference`: that model, loaded; `stream`: what the chip's memories take of it
    (model.image)."""

    model: Path
    reference: Reference
    stream: np.ndarray

    @classmethod
    def read(cls, build: Build, model: Path) -> "Change":
        """An integer model for the chip of `build`. Raises UserError where it is none, and ShapeError, which says what
        differs, where it is of another shape."""
        ours, its = build.reference, Reference.load(model)
        for name, right, found in (
            ("input", list(ours.input_shape), list(its.input_shape)),
            ("classes", len(ours.classes), len(its.classes)),
            ("streams", ours.streams, its.streams),
            ("layers", _layers(ours), _layers(its)),
        ):
            if right != found:
                differs = _first(name, right, found)
                raise ShapeError(f"{model}: not of the shape of {build.folder}: {differs}; compile it")
        return cls(model, its, build.load_stream(model))


def _layers(reference: Reference) -> list[str]:
    """What each layer says of itself, as text."""
    return [str(layer) for layer in reference.description.layers]


def _first(name: str, right: object, found: object) -> str:
    """Where the two first differ, in words."""
    if isinstance(right, list) and isinstance(found, list) and name == "layers":
        pairs = ((a, b) for a, b in zip(right, found, strict=False) if a != b)
        a, b = next(pairs, (f"{len(right)} layers", f"{len(found)} layers"))
        return f"the chip has {a}, it has {b}"
    return f"{name} is {found}, the chip has {right}"
