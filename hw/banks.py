# SPDX-License-Identifier: BSD-3-Clause
"""Several models in one core: the Verilog around the memories of a layer, of which each model has its own bank.

All banks of a layer do the same at the same time, whatever they hold; behind them rtl/bank_select.sv lets one of their
words on, that of the bank which the frame's context names. So a core of several models keeps the time of one of them.
"""

from typing import NamedTuple

from shiftcore.model.records import Context


class Streams(NamedTuple):
    """The streams of a layer's memory: `taken` bits of the wires `source`_*, if anything goes in at all, and `beats`
    words of `given` bits a frame to the wires `sink`_*."""

    sink: str
    given: int
    beats: int
    source: str = ""
    taken: int = 0

    def pins(self, bank: int | None) -> list[str]:
        """The connections of the instance of one bank, or of the only one (None)."""
        banks = f"{self.sink}_banks"
        if bank is None:
            taken, ready = f"{self.source}_tready", f"{self.sink}_tready"
            data, valid = f"{self.sink}_tdata[{self.given - 1}:0]", f"{self.sink}_tvalid"
        else:
            taken, ready = f"{banks}_taken[{bank}]", f"{banks}_tready"
            data, valid = f"{banks}_tdata[{bank}]", f"{banks}_tvalid[{bank}]"
        given = [f".m_tdata({data})", f".m_tvalid({valid}), .m_tready({ready})"]
        if not self.source:
            return given
        source = f"{self.source}_tdata[{self.taken - 1}:0]), .s_tvalid({self.source}_tvalid"
        return [f".s_tdata({source}), .s_tready({taken})", ", ".join(given)]

    def declaration(self, models: int) -> str:
        """The wires between the banks and what chooses among them."""
        banks = f"{self.sink}_banks"
        return (
            f"\twire [{models - 1}:0][{self.given - 1}:0] {banks}_tdata;\n"
            f"\twire [{models - 1}:0] {banks}_tvalid, {banks}_taken;\n\twire {banks}_tready;"
        )

    def choice(self, models: int, context: str) -> str:
        """What chooses, by the context stream on the wires `context`_*. The first bank stands for all where the source
        is told that a word was taken."""
        banks, top = f"{self.sink}_banks", Context.bits(models) - 1
        taken = f"\tassign {self.source}_tready = {banks}_taken[0];\n" if self.source else ""
        return taken + (
            f"\tbank_select #(.MODELS({models}), .WIDTH({self.given}), .BEATS({self.beats})) {banks} (\n"
            "\t\t.clk(ap_clk), .rst_n(ap_rst_n),\n"
            f"\t\t.s_bank_tdata({context}_tdata[{top}:{Context.BITS}]),\n"
            f"\t\t.s_bank_tvalid({context}_tvalid), .s_bank_tready({context}_tready),\n"
            f"\t\t.s_tdata({banks}_tdata), .s_tvalid({banks}_tvalid[0]), .s_tready({banks}_tready),\n"
            f"\t\t.m_tdata({self.sink}_tdata[{self.given - 1}:0]),\n"
            f"\t\t.m_tvalid({self.sink}_tvalid), .m_tready({self.sink}_tready)\n\t);\n"
        )


def load_turns(models: int, memories: int) -> str:
    """The wires by which one memory hands the load stream on to the next, of each bank; and what begins and ends it."""
    if models == 1:
        return (
            f"\twire [{memories}:0] load_turn;\n\tassign load_turn[0] = load_begins;\n"
            f"\tassign load_ends = load_turn[{memories}];\n"
        )
    begins = "".join(
        f"\twire [{memories}:0] load_turn{bank};\n\tassign load_turn{bank}[0] = load_begins[{bank}];\n"
        for bank in range(models)
    )
    return begins + f"\tassign load_ends = {' | '.join(f'load_turn{bank}[{memories}]' for bank in range(models))};\n"
