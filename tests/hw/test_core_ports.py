# SPDX-License-Identifier: BSD-3-Clause
"""How a core's layers are joined: a port that is connected to nothing is an error, unless it is known to be unused."""

import re

import pytest

from shiftcore.hw import stitch
from shiftcore.hw.stitch import RTLLIB

TEMPLATE = RTLLIB / "fmpadding" / "hdl" / "fmpadding_template.v"
UNUSED = stitch._UNUSED["FMPadding_rtl"]


def ports() -> list[stitch._Port]:
    """Of FINN's own wrapper of a padding layer."""
    text = TEMPLATE.read_text().replace("$TOP_MODULE_NAME$", "layer")
    return stitch._ports(re.sub(r"\$\w+\$", "1", text), "layer")


def nets() -> dict[str, str]:
    clock = {"ap_clk": "ap_clk", "ap_rst_n": "ap_rst_n"}
    return clock | stitch._stream_nets("in0_V", "before") | stitch._stream_nets("out0_V", "layer")


def test_what_is_known_to_be_unused_is_tied_off() -> None:
    text = stitch._instance("layer", "layer_i", ports(), nets(), UNUSED)
    assert ".in0_V_TDATA(before_tdata)" in text
    assert ".s_axilite_AWVALID('0)" in text and ".s_axilite_AWADDR('0)" in text and ".s_axilite_AWREADY()" in text


@pytest.mark.parametrize("missing", ["in0_V_TDATA", "in0_V_TVALID", "out0_V_TREADY", "out0_V_TDATA", "ap_rst_n"])
def test_a_port_connected_to_nothing_names_node_and_port(missing: str) -> None:
    """A stream that FINN calls otherwise would be a constant 0."""
    joined = {name: net for name, net in nets().items() if name != missing}
    with pytest.raises(ValueError, match=rf"layer_i: layer's (input|output) {missing} is connected to nothing"):
        stitch._instance("layer", "layer_i", ports(), joined, UNUSED)


def test_a_net_to_no_port_names_node_and_port() -> None:
    with pytest.raises(ValueError, match="layer_i: layer has no port in2_V_TDATA"):
        stitch._instance("layer", "layer_i", ports(), nets() | {"in2_V_TDATA": "x"}, UNUSED)


def test_another_layers_unused_ports_are_not_this_ones() -> None:
    with pytest.raises(ValueError, match="s_axilite_AWVALID is connected to nothing"):
        stitch._instance("layer", "layer_i", ports(), nets(), stitch._UNUSED["StreamingFIFO_rtl"])
