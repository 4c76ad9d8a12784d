# SPDX-License-Identifier: BSD-3-Clause
"""Another model for a chip that runs: read, and held against what the chip was built for, before anything is sent. And
which one a build goes by: the one that its chip was made with, or another that was loaded since."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shiftcore.artifacts import atomic_file
from shiftcore.driver.build import Build
from shiftcore.driver.errors import ShapeError
from shiftcore.model import image
from shiftcore.model.description import ModelDescription
from shiftcore.model.reference import Reference

LOADED = "loaded.npz"
"""In a chip's folder: the model in use, where it is another than the chip was made with. A new chip has none."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that a chip has: the `file` it came from, its `hash`, eight hexadecimal digits, which the chip's
    MODEL_HASH register reads, and its `description` (docs/integer-model.md): classes, alarm, preprocessing."""

    file: Path
    hash: str
    description: ModelDescription

    @property
    def preset(self) -> str:
        """The name of its preset."""
        return self.description.preset.name


@dataclass(frozen=True)
class Change:
    """`model`: the integer model's file; `reference`: that model, loaded; `stream`: what the chip's memories take of it
    (model.image)."""

    model: Path
    reference: Reference
    stream: np.ndarray

    @property
    def loaded(self) -> LoadedModel:
        """What is said of it, once it is in use."""
        return LoadedModel(self.model, image.model_hash(self.stream), self.reference.description)

    def check_inputs(self, run: ModelDescription) -> None:
        """Raise ShapeError for a model whose inputs are made otherwise than those of a run, which keeps its cameras'
        earlier images, and makes the inputs of all models alike."""
        ours, its = run.preprocess, self.reference.description.preprocess
        if its != ours:
            raise ShapeError(f"{self.model}: its inputs are made otherwise ({its}; the run's: {ours}); start a new run")

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


def model_in_use(build: Build) -> Path:
    """The file of the model that a build goes by: what was loaded last (`install`), or what it was made with."""
    loaded = build.chip / LOADED
    return loaded if build.compiled and loaded.is_file() else build.model


def in_use(build: Build) -> Build:
    """The build with the model that it goes by. Raises UserError and ShapeError, as `Change.read`."""
    model = model_in_use(build)
    return build if model == build.model else replace(build, model=model, reference=Change.read(build, model).reference)


def install(build: Build, model: Path) -> Path:
    """Let a build go by `model` from now on, whenever it is opened; returns the file that says so. An exported model
    without a chip is no build that could. Raises UserError and ShapeError, as `Change.read`; nothing is changed then.
    """
    Change.read(build, model)
    target = build.chip / LOADED
    with atomic_file(target) as temporary:
        shutil.copyfile(model, temporary)
    return target


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
