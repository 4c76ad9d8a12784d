# SPDX-License-Identifier: BSD-3-Clause
"""Folding: targets met, no width converter in the way, and a clear word where a board is too small."""

import io
from pathlib import Path

import pytest
from qonnx.core.modelwrapper import ModelWrapper
from rich.console import Console

from shiftcore.errors import UserError
from shiftcore.hw import dataflow, folding, resources
from shiftcore.hw.boards import Board, load_board
from shiftcore.hw.compile import read_model

BOARD = load_board("pynq-z2")


@pytest.fixture
def graph(tiny_core: Path) -> ModelWrapper:
    """tiny's graph of RTL layers, not yet folded."""
    return ModelWrapper(str(tiny_core.parent / "04_rtl.onnx"))


@pytest.mark.parametrize("fps", [10, 500, 2000, 5425, 10851])
def test_every_layer_reaches_the_target(graph: ModelWrapper, fps: int) -> None:
    folded = folding.fold_for(graph, BOARD, fps)
    target = BOARD.clock_mhz * 1e6 / fps
    assert max(folding.cycles(node) for node in folded.graph.node) <= target
    for node in folded.graph.node:
        if node.op_type.startswith("StreamingDataWidthConverter"):
            converter = dataflow.layer(node)
            widths = converter.get_nodeattr("inWidth"), converter.get_nodeattr("outWidth")
            assert max(widths) % min(widths) == 0, f"{node.name} converts {widths[0]} to {widths[1]} bits"
        if node.op_type == "MVAU_rtl":
            window = folded.find_producer(node.input[0])
            if window.op_type == "ConvolutionInputGenerator_rtl":
                assert dataflow.layer(window).get_nodeattr("SIMD") == dataflow.layer(node).get_nodeattr("SIMD")


def test_a_faster_target_costs_more(graph: ModelWrapper) -> None:
    costs = []
    for fps in (500, 2000, 8000):
        folding.fold(graph, int(1e8 / fps), BOARD.part)
        costs.append(resources.total(graph, BOARD.part)["DSP"])
    assert costs == sorted(costs)
    assert costs[0] < costs[-1]


def test_a_layer_that_is_too_slow_has_the_users_name(graph: ModelWrapper, tiny_export: Path) -> None:
    dataflow.name_layers(graph, read_model(tiny_export / "model.onnx")[1].layers)
    plenty = dict.fromkeys(BOARD.resources.model_dump(), 10**7)
    huge = BOARD.with_(resources=plenty)
    with pytest.raises(
        UserError, match=r"not met on pynq-z2 .*: (stem|stage)\w+ takes \d+ cycles even when fully unfo"
    ):
        folding.fold_for(graph, huge, 500_000)


def test_a_target_beyond_the_board_names_the_resource_and_the_best(graph: ModelWrapper) -> None:
    small = BOARD.with_(resources={"DSP": 30})
    with pytest.raises(
        UserError, match=r"target_fps = 8000: not met on pynq-z2 .* DSP \(\d+ of 26 usable\)"
    ) as refused:
        folding.fold_for(graph, small, 8000)
    best = int(str(refused.value).split("the best that fits is ")[1].split()[0])
    folded = folding.fold_for(graph, small, best)
    assert resources.shortage(resources.total(folded, small.part), small.resources) is None
    with pytest.raises(UserError, match="not met"):
        folding.fold_for(graph, small, 2 * best)


def scarce(**resources: float) -> Board:
    return BOARD.with_(resources=resources)


@pytest.mark.parametrize("target", [None, 1, 500, 8000])
@pytest.mark.parametrize(
    ("there", "short"),
    [({"DSP": 4}, r"DSP \(\d+ of 3 usable\)"), ({"LUT": 1500}, r"LUT \("), ({"DSP": 1, "LUT": 9}, "LUT .*, DSP")],
)
def test_a_network_that_fits_at_no_speed_is_refused(
    graph: ModelWrapper, target: int | None, there: dict[str, float], short: str
) -> None:
    """Never a folding beyond the board, and never the promise of one."""
    with pytest.raises(
        UserError, match=f"does not fit pynq-z2 at any speed: .* needs more than there is: {short}"
    ) as refused:
        folding.fold_for(graph, scarce(**there), target)
    assert "\n" not in str(refused.value) and "the best that fits" not in str(refused.value)


@pytest.mark.parametrize("there", [{"DSP": 9}, {"DSP": 40}, {"LUT": 6000}, {"BRAM": 2}])
def test_the_best_that_fits_does(graph: ModelWrapper, there: dict[str, float]) -> None:
    """What is named when a target is refused is reached, and so is what "best" folds to, converters included."""
    board = scarce(**there)
    with pytest.raises(UserError, match="the best that fits is") as refused:
        folding.fold_for(graph, board, 100_000)
    best = int(str(refused.value).split("the best that fits is ")[1].split()[0])
    for target in (best, None):
        folded = folding.fold_for(graph, board, target)
        assert resources.shortage(resources.total(folded, board.part), board.resources) is None
        assert folding.cycles(folding.slowest(folded)) <= board.clock_mhz * 1e6 / best


def test_no_rate_up_to_the_best_is_refused(graph: ModelWrapper) -> None:
    """Where the folding for just that rate leaves a window or a pool too slow, a faster one serves."""
    clock = BOARD.clock_mhz * 1e6
    best = int(clock / folding.cycles(folding.slowest(folding.fold_for(graph, BOARD, None))))
    products = {int(clock / cycles) for cycles in folding._achievable(graph)}
    rates = sorted({rate for rate in products if best / 4 < rate < best} | {best, best - 1, best // 2})
    for rate in rates:
        folded = folding.fold_for(graph, BOARD, rate)
        assert folding.cycles(folding.slowest(folded)) <= clock / rate
        assert resources.shortage(resources.total(folded, BOARD.part), BOARD.resources) is None
    assert len(rates) >= 5
    with pytest.raises(UserError, match=f"the best that fits is {best} frames per second"):
        folding.fold_for(graph, BOARD, 2 * best)


def test_every_resource_that_runs_out_is_named() -> None:
    there = scarce(DSP=4, BRAM=2).resources
    assert (
        resources.shortage({"LUT": 10, "DSP": 5, "BRAM": 1.8}, there)
        == "DSP (5 of 3 usable), BRAM (1.80 of 1.70 usable)"
    )
    assert resources.shortage({"LUT": 10, "DSP": 3, "BRAM": 1.5}, there) is None


def test_a_target_beyond_full_unfolding_names_the_layer(graph: ModelWrapper) -> None:
    with pytest.raises(UserError, match=r"takes \d+ cycles even when fully unfolded|usable"):
        folding.fold_for(graph, BOARD, 10_000_000)


def test_without_a_target_the_board_decides(graph: ModelWrapper) -> None:
    folded = folding.fold_for(graph, BOARD, None)
    assert resources.shortage(resources.total(folded, BOARD.part), BOARD.resources) is None
    assert folding.cycles(folding.slowest(folded)) < 18432


def test_the_table_tells_what_the_report_holds(graph: ModelWrapper, tiny_export: Path) -> None:
    folded = folding.fold_for(graph, BOARD, 4000)
    _, description = read_model(tiny_export / "model.onnx")
    dataflow.name_layers(folded, description.layers)
    rows = folding.report(folded, BOARD)
    assert {row.layer for row in rows} >= {"stem_conv", "stage0_block0_shift", "classifier"}
    assert max(row.share for row in rows) == 1
    console = Console(width=140, file=io.StringIO(), record=True)
    console.print(folding.table(rows, BOARD))
    text = console.export_text()
    assert "stage0_block0_branch1_conv_window" in text
    assert f"{sum(row.macs for row in rows):,}" in text


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "narrow", "part", "lanes"),
    [
        (4, 4, True, "xc7z020clg400-1", 4),
        (4, 4, False, "xc7z020clg400-1", 3),
        (8, 8, True, "xc7z020clg400-1", 2),
        (8, 8, True, "xczu7ev-ffvc1156-2-e", 2),
        (4, 4, True, "xczu7ev-ffvc1156-2-e", 4),
        (2, 2, True, "xc7z020clg400-1", 8),
    ],
)
def test_multiplications_in_a_dsp_slice(
    weight_bits: int, activation_bits: int, narrow: bool, part: str, lanes: int
) -> None:
    """As mvu.sv's NUM_LANES: 1 + (A_WIDTH - !NARROW - W) / (W + A - 1)."""
    assert resources.dsp_lanes(weight_bits, activation_bits, narrow, part) == lanes
