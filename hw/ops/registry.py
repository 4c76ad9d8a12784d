# SPDX-License-Identifier: BSD-3-Clause
"""What the rest of hw/ is told of an op: all of it in one object, which the op's folder makes."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import NodeProto
from qonnx.core.datatype import BaseDataType
from qonnx.transformation.base import Transformation

from shiftcore.hw.formal.block import Block, Parameters
from shiftcore.hw.ops.rtl_op import RtlOp
from shiftcore.hw.ops.rule import Rule
from shiftcore.hw.quantities import Holds
from shiftcore.sim.stream_bench import Case


def _none(_node: NodeProto) -> dict[str, int]:
    return {}


@dataclass(frozen=True, eq=False)
class Op:
    """One op of the dataflow graph.

    In networks:
    - `layer`: what descriptions call it (docs/integer-model.md); None where it is no layer of the network's own
    - `role`: where it is none, how its nodes are named behind the layer that they serve
    - `taken`: the QONNX ops that it computes, `between`: what these are called on the way through the compiler
    - `inputs`: how many streams it joins; a QONNX op with another number of them is not this layer
    - `keys`: of a node of the dataflow graph, what its layer in an integer model says beside name, op and inputs
    - `rules`: what else a node must keep; `holds`: what its output holds, by default what its first input does

    In the compiler:
    - `past_scale`: the pass that moves a scale in front of a node of `taken` behind it, None where FINN has it
    - `to_nhwc`: the pass that moves transposes so that the op works in NHWC
    - `infer`: the passes that make nodes of the dataflow graph, given for how many streams there is to be state;
      with `joins` they run when everything else is a dataflow layer
    - `passes`: whether a beat leaves for each that comes, as it comes
    - `reaches`: the least and the largest integer that leaves it, of the types that come; None: what its type holds

    In hardware: `rtl`, FINN's back end with its module; `corners`, sets of parameters that the linter must pass;
    `proofs`; and `draw`, which makes the k-th random case of its bench in a folder.
    """

    rtl: type[RtlOp]
    corners: tuple[Parameters, ...]
    proofs: tuple[Block, ...]
    draw: Callable[[int, Path, random.Random], Case]
    infer: Callable[[int], Sequence[Transformation]]
    layer: str | None = None
    role: str | None = None
    taken: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    inputs: int = 1
    keys: Callable[[NodeProto], dict[str, int]] = _none
    rules: tuple[Rule, ...] = ()
    holds: Holds | None = None
    past_scale: Callable[[], Transformation] | None = None
    to_nhwc: Callable[[], Transformation] | None = None
    joins: bool = False
    passes: bool = False
    reaches: Callable[[Sequence[BaseDataType]], tuple[int, int]] | None = None

    @property
    def node(self) -> str:
        """The op type of its nodes once they are RTL."""
        return self.rtl.__name__

    @property
    def name(self) -> str:
        """Its op type without the back end, as FINN's own passes know it."""
        return self.node.removesuffix("_rtl")

    @property
    def source(self) -> Path:
        """Its module's file; the module is named like the file."""
        return self.rtl.source

    def sources(self) -> list[Path]:
        """All code in its folder, which decides what a compilation with it makes."""
        return sorted(path for path in self.source.parent.iterdir() if path.suffix in {".py", ".sv", ".v"})
