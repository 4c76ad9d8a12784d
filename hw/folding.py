# SPDX-License-Identifier: BSD-3-Clause
"""Folding: how many multiply-accumulates and stream elements each layer handles a cycle (PE and SIMD).

Every stream's widths stay in whole ratios and every window generator gets its matrix product's SIMD, so that a
width converter never is the bottleneck (FINN's own folding counts none of its cycles).
"""

import bisect
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames
from rich import box
from rich.table import Table

from shiftcore.errors import UserError
from shiftcore.hw import contents, memory, resources
from shiftcore.hw.boards import USABLE, Board
from shiftcore.hw.dataflow import layer
from shiftcore.hw.ops.rtl_op import divisors


def _is_window(node: NodeProto | None) -> bool:
    return node is not None and node.op_type == "ConvolutionInputGenerator_rtl"


def _product_foldings(model: ModelWrapper, node: NodeProto) -> Iterable[tuple[int, int]]:
    """All (SIMD, PE) of a matrix product; behind a window generator SIMD divides the channels."""
    instance = layer(node)
    producer = model.find_producer(node.input[0])
    depth = layer(producer).get_nodeattr("IFMChannels") if _is_window(producer) else instance.get_nodeattr("MW")
    return ((simd, pe) for simd in divisors(depth) for pe in divisors(instance.get_nodeattr("MH")))


def _product_cycles(node: NodeProto, simd: int, pe: int) -> int:
    instance = layer(node)
    fold = (instance.get_nodeattr("MW") // simd) * (instance.get_nodeattr("MH") // pe)
    return int(np.prod(instance.get_nodeattr("numInputVectors"))) * fold


def _fold_product(model: ModelWrapper, node: NodeProto, target: int, part: str) -> None:
    """The fewest DSPs that reach `target` cycles; among equals the squarest, which keeps streams alike."""

    def cost(folding: tuple[int, int]) -> tuple[float, float, int]:
        simd, pe = folding
        layer(node).set_nodeattr("SIMD", simd)
        layer(node).set_nodeattr("PE", pe)
        dsp = resources.estimate(model, node, part)["DSP"]
        return dsp, abs(math.log(simd / pe)), -_product_cycles(node, simd, pe)

    foldings = list(_product_foldings(model, node))
    enough = [f for f in foldings if _product_cycles(node, *f) <= target]
    simd, pe = min(enough, key=cost) if enough else max(foldings, key=lambda f: f[0] * f[1])
    layer(node).set_nodeattr("SIMD", simd)
    layer(node).set_nodeattr("PE", pe)


def _parallelism(node: NodeProto) -> tuple[str, list[int]]:
    """The attribute that widens a streaming layer, and its legal values, ascending."""
    instance = layer(node)
    if node.op_type == "FMPadding_rtl":
        return "SIMD", divisors(instance.get_nodeattr("NumChannels"))
    if node.op_type == "Thresholding_rtl":
        return "PE", divisors(instance.get_nodeattr("NumChannels"))
    return "PE", instance.foldings()


def _fold_stream(model: ModelWrapper, node: NodeProto, width: int, target: int) -> None:
    """Take the producer's `width` where it is legal and fast enough, else the nearest in a whole ratio to it."""
    attribute, legal = _parallelism(node)
    instance = layer(node)

    def fast_enough(value: int) -> bool:
        instance.set_nodeattr(attribute, value)
        return int(instance.get_exp_cycles()) <= target

    whole = [v for v in legal if v % width == 0 or width % v == 0] or legal
    candidates = [v for v in whole if fast_enough(v)] or [whole[-1]]
    instance.set_nodeattr(attribute, min(candidates, key=lambda v: abs(math.log(v / width))))


def fold(model: ModelWrapper, target: int, part: str) -> None:
    """Set PE and SIMD of every layer, in place, so that none needs more than `target` cycles a frame."""
    for node in model.graph.node:
        if node.op_type == "MVAU_rtl":
            _fold_product(model, node, target, part)
    for node in model.graph.node:
        if node.op_type == "MVAU_rtl" or _is_window(node):
            continue
        producer = model.find_producer(node.input[0])
        width = _window_simd(model, node) or (_output_width(producer) if producer is not None else 1)
        _fold_stream(model, node, width, target)
    for node in model.graph.node:
        if _is_window(node):
            consumer = model.find_consumers(node.output[0])[0]
            attribute = "SIMD" if consumer.op_type == "MVAU_rtl" else "PE"
            layer(node).set_nodeattr("SIMD", layer(consumer).get_nodeattr(attribute))


def _window_simd(model: ModelWrapper, node: NodeProto) -> int | None:
    """For padding in front of a convolution: the SIMD that its matrix product has chosen."""
    if node.op_type != "FMPadding_rtl":
        return None
    window = model.find_consumers(node.output[0])[0]
    product = model.find_consumers(window.output[0])[0] if _is_window(window) else None
    if product is None or product.op_type != "MVAU_rtl":
        return None
    return int(layer(product).get_nodeattr("SIMD"))


def _output_width(node: NodeProto) -> int:
    """Elements in one beat of a layer's output."""
    return int(layer(node).get_folded_output_shape()[-1])


def cycles(node: NodeProto) -> int:
    """Cycles a frame that a layer needs by itself; a width converter's are its longer side's beats."""
    instance = layer(node)
    if node.op_type.startswith("StreamingDataWidthConverter"):
        return int(
            max(np.prod(instance.get_folded_input_shape()[:-1]), np.prod(instance.get_folded_output_shape()[:-1]))
        )
    return int(instance.get_exp_cycles())


def slowest(model: ModelWrapper) -> NodeProto:
    """The layer that needs the most cycles a frame."""
    return max(model.graph.node, key=cycles)


def _achievable(model: ModelWrapper) -> list[int]:
    """Every number of cycles that some matrix product can be folded to, ascending: the targets worth trying."""
    products = [node for node in model.graph.node if node.op_type == "MVAU_rtl"]
    return sorted({_product_cycles(node, *f) for node in products for f in _product_foldings(model, node)})


def _folded(model: ModelWrapper, target: int, part: str) -> ModelWrapper:
    """A copy of `model`, folded for `target` cycles a frame, with width converters where streams differ."""
    fold(model, target, part)
    return convert_widths(model, part)


def _shortage(model: ModelWrapper, board: Board) -> str | None:
    return resources.shortage(resources.total(model, board.part), board.resources)


def _those_that_fit(model: ModelWrapper, board: Board, most: float = math.inf) -> Iterator[ModelWrapper]:
    """The foldings for at most `most` cycles that fit the board, the one for the fewest first.

    DSPs fall steadily with more cycles, so where they suffice is found by bisection; from there on each is tried: a
    memory that becomes deeper may move from LUTs into block RAM and need more of it, not less.
    """

    def dsps_suffice(target: int) -> bool:
        fold(model, target, board.part)
        return resources.total(model, board.part)["DSP"] <= board.resources.DSP * USABLE

    targets = [target for target in _achievable(model) if target <= most]
    for target in targets[bisect.bisect_left(targets, True, key=dsps_suffice) :]:
        fold(model, target, board.part)
        if _shortage(model, board) is None:  # else not with width converters either, which take long to put in
            folded = _folded(model, target, board.part)
            if _shortage(folded, board) is None:
                yield folded


def _best(model: ModelWrapper, board: Board) -> ModelWrapper | None:
    """The fastest folding that fits the board; None where none does."""
    return next(_those_that_fit(model, board), None)


def _reaching(model: ModelWrapper, board: Board, target: int) -> ModelWrapper | None:
    """A folding that fits the board and is as fast as `target`, though the one for `target` itself is not: widths of
    streams go in whole ratios, so one for fewer cycles may widen just the layer that was too slow. Of several the one
    for the most cycles, as the cheapest; None where none is."""
    fast = [folded for folded in _those_that_fit(model, board, target) if cycles(slowest(folded)) <= target]
    return fast[-1] if fast else None


def _nothing_fits(model: ModelWrapper, board: Board) -> str:
    slow = _folded(model, _achievable(model)[-1], board.part)
    fps = int(board.clock_mhz * 1e6 / cycles(slowest(slow)))
    return (
        f"the network does not fit {board.name} at any speed: folded fully, for {fps} frames per second, it "
        f"needs more than there is: {_shortage(slow, board)}; take a larger board, or a narrower or shorter network"
    )


def _no_room_for_banks(model: ModelWrapper, board: Board) -> str | None:
    """What to say of a folded graph that fits the board with one model, and not with as many as it shall have."""
    models, used = contents.models(model), resources.total(model, board.part)
    alone = resources.without_banks(model, board.part)
    if models == 1 or resources.shortage(alone, board.resources):
        return None
    usable = {name: getattr(board.resources, name) * USABLE for name in used}
    name = max(used, key=lambda key: used[key] / usable[key])
    each = (used[name] - alone[name]) / (models - 1)
    return (
        f"hardware.models = {models}: no room on {board.name}: each model beside the first takes {each:.1f} {name}, "
        f"and {usable[name] - alone[name]:.1f} of {usable[name]:.1f} usable are left; with models = 1 the driver can "
        "load them by turns (docs/weights.md)"
    )


def fold_for(model: ModelWrapper, board: Board, target_fps: int | None) -> ModelWrapper:
    """Fold for `target_fps` frames per second at the board's clock, or (None) for the best that fits the board.

    Inserts width converters where streams differ. Raises UserError where the target cannot be met on the board,
    saying which resources run out and what the best is, and where the network fits at no speed.
    """
    clock = board.clock_mhz * 1e6
    if target_fps is None:
        best = _best(model, board)
        if best is None:
            raise UserError(f'hardware.target_fps = "best": {_nothing_fits(model, board)}')
        return named(best)
    target = int(clock / target_fps)
    folded = _folded(model, target, board.part)
    why = _shortage(folded, board)
    slow = max(slowest(model), slowest(folded), key=cycles)  # `model` has the names of the user's layers
    if cycles(slow) > target and not why:
        why = f"{slow.name} takes {cycles(slow)} cycles even when fully unfolded"
    if not why:
        return named(folded)
    reaching = _reaching(model, board, target)
    if reaching is not None:
        return named(reaching)
    if banks := _no_room_for_banks(folded, board):
        raise UserError(banks)
    best = _best(model, board)
    instead = f"the best that fits is {int(clock / cycles(slowest(best)))} frames per second" if best else None
    raise UserError(
        f"hardware.target_fps = {target_fps}: not met on {board.name} at {board.clock_mhz:g} MHz: {why}; "
        f"{instead or _nothing_fits(model, board)}"
    )


def convert_widths(model: ModelWrapper, part: str) -> ModelWrapper:
    """A folded graph with width converters where streams differ, and every memory in its place."""
    model = model.transform(InsertDWC()).transform(SpecializeLayers(part))
    memory.choose(model)
    return model


def named(model: ModelWrapper) -> ModelWrapper:
    """With names of nodes and tensors that follow from the graph alone: those of `InsertDWC` are random."""
    return model.transform(GiveUniqueNodeNames()).transform(GiveReadableTensorNames())


@dataclass(frozen=True)
class FoldedLayer:
    """A layer as it is folded: `macs` a frame, `cycles` a frame, their `share` of the bottleneck's, and its estimated
    resources."""

    layer: str
    op: str
    macs: int
    PE: int | None
    SIMD: int | None
    cycles: int
    share: float
    LUT: float
    DSP: float
    BRAM: float


def report(model: ModelWrapper, board: Board) -> list[FoldedLayer]:
    """A row a layer."""
    bottleneck = cycles(slowest(model))
    rows = []
    for node in model.graph.node:
        instance = layer(node)
        attributes = instance.get_nodeattr_types()
        pe = instance.get_nodeattr("PE") if "PE" in attributes else None
        simd = instance.get_nodeattr("SIMD") if "SIMD" in attributes else None
        macs = cycles(node) * pe * simd if pe and simd else 0
        rows.append(
            FoldedLayer(
                layer=node.name,
                op=node.op_type,
                macs=macs,
                PE=pe,
                SIMD=simd,
                cycles=cycles(node),
                share=round(cycles(node) / bottleneck, 4),
                **resources.estimate(model, node, board.part),
            )
        )
    return rows


def read_report(path: Path) -> list[FoldedLayer]:
    """The rows that a compilation left in folding.json."""
    return [FoldedLayer(**row) for row in json.loads(path.read_text())]


def table(rows: Sequence[FoldedLayer], board: Board) -> Table:
    """The report as a person reads it."""
    bottleneck = max(row.cycles for row in rows)
    fps = board.clock_mhz * 1e6 / bottleneck
    title = f"Folding for {board.name}: {bottleneck} cycles a frame, {fps:.0f} frames per second"
    view = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("layer", "MACs", "PE", "SIMD", "cycles", "share", "LUT", "DSP", "BRAM"):
        view.add_column(column, justify="left" if column == "layer" else "right", no_wrap=column != "layer")
    for row in rows:
        view.add_row(
            row.layer,
            f"{row.macs:,}" if row.macs else "",
            str(row.PE or ""),
            str(row.SIMD or ""),
            f"{row.cycles:,}",
            f"{row.share:.0%}",
            f"{row.LUT:.0f}",
            f"{row.DSP:.0f}",
            f"{row.BRAM:g}",
        )
    sums = {name: sum(getattr(row, name) for row in rows) for name in ("macs", "LUT", "DSP", "BRAM")}
    resources_used = [sums[name] for name in ("LUT", "DSP", "BRAM")]
    available = [getattr(board.resources, name) for name in ("LUT", "DSP", "BRAM")]
    shares = [f"{used / limit:.0%}" for used, limit in zip(resources_used, available, strict=True)]
    view.add_section()
    view.add_row("total", f"{sums['macs']:,}", "", "", "", "", *(f"{used:.0f}" for used in resources_used))
    view.add_row(f"of {board.name}", "", "", "", "", "", *shares)
    return view
