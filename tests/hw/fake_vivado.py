#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stands in for Vivado in tests: writes reports in its documented formats, and a bitstream that is none.

What it does is told by FAKE_VIVADO: "good", or the one thing that goes wrong.
"""

import os
import sys
from pathlib import Path

TIMING = """\
------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  THS Failing Endpoints  \
THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  ---------------------  \
-------------------     --------     --------  ----------------------  --------------------
{slacks}


{verdict}
"""
MET = (
    "      0.412        0.000                      0                43210        0.017        0.000"
    "                      0                43210        3.750        0.000                       0               21000"
)
UTILIZATION = """\
1. Slice Logic
--------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| Slice LUTs*                | 12345 |     0 |          0 |     53200 | 23.20 |
|   LUT as Logic             | 11000 |     0 |          0 |     53200 | 20.68 |
| Slice Registers            | 20000 |     0 |          0 |    106400 | 18.80 |
+----------------------------+-------+-------+------------+-----------+-------+

2. Memory
---------

+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    | 12.5 |     0 |          0 |       140 |  8.93 |
|   RAMB36/FIFO*    |   12 |     0 |          0 |       140 |  8.57 |
+-------------------+------+-------+------------+-----------+-------+

3. DSP
------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           |   40 |     0 |          0 |       220 | 18.18 |
+----------------+------+-------+------------+-----------+-------+
"""
DRC = """\
Table of Contents
-----------------
1. REPORT SUMMARY

1. REPORT SUMMARY
-----------------
            Netlist: netlist
          Violations found: 2
+---------+----------+----------------------------+------------+
| Rule    | Severity | Description                | Violations |
+---------+----------+----------------------------+------------+
| DPIP-1  | Warning  | Input pipelining           | 9          |
{rows}+---------+----------+----------------------------+------------+
"""
DRC_ERROR = "| NSTD-1  | Error    | Unspecified I/O Standard   | 1          |\n"
LOG = "#-----------\n# Vivado v2023.1 (64-bit)\nINFO: [Common 17-206] Exiting Vivado\nWARNING: [Synth 8-7080] no\n"
WARNING = "CRITICAL WARNING: [Synth 8-4445] could not open $readmem data file 'data/weights.dat'\n"

PATHS = """\
Timing Report

Slack (MET) :             0.412ns  (required time - arrival time)
  Source:                 chip_i/shell_i/dma_writer/Word_reg[2]/C
                            (rising edge-triggered cell FDRE clocked by fclk0  {rise@0.000ns fall@5.000ns})
  Destination:            chip_i/shell_i/dma_writer/Index_reg[5]/CE
                            (rising edge-triggered cell FDRE clocked by fclk0  {rise@0.000ns fall@5.000ns})
  Path Group:             fclk0
  Path Type:              Setup (Max at Slow Process Corner)
  Requirement:            10.000ns  (fclk0 rise@10.000ns - fclk0 rise@0.000ns)
  Data Path Delay:        9.113ns  (logic 2.903ns (31.856%)  route 6.210ns (68.144%))
  Logic Levels:           7  (CARRY4=3 LUT6=4)

Slack (MET) :             1.020ns  (required time - arrival time)
  Source:                 chip_i/core_i/a/C
  Destination:            chip_i/core_i/b/D
  Data Path Delay:        8.500ns  (logic 1.500ns (17.647%)  route 7.000ns (82.353%))
  Logic Levels:           0
"""
POWER = """\
1. Summary
----------

+--------------------------+--------------+
| Total On-Chip Power (W)  | 1.645        |
| Design Power Budget (W)  | Unspecified* |
| Dynamic (W)              | 1.503        |
| Device Static (W)        | 0.142        |
| Confidence Level         | Low          |
+--------------------------+--------------+
"""
HANDOFF = """<EDKSYSTEM><MODULES><MODULE MODTYPE="zynq_ultra_ps_e"><PARAMETERS>
<PARAMETER NAME="PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ" VALUE="187.498123"/>
<PARAMETER NAME="PSU__CRL_APB__PL0_REF_CTRL__DIVISOR0" VALUE="{divisor}"/>
<PARAMETER NAME="PSU__CRL_APB__PL0_REF_CTRL__DIVISOR1" VALUE="1"/>
</PARAMETERS></MODULE></MODULES></EDKSYSTEM>
"""


def main() -> int:
    """One run."""
    mode = os.environ.get("FAKE_VIVADO", "good")
    if "-version" in sys.argv:
        print({"old": "Vivado v2021.1 (64-bit)", "other": "Quartus"}.get(mode, "vivado v2023.1 (64-bit)"))
        return 0
    if mode == "slow":
        Path("shiftcore.bit").write_bytes(b"half")
        os.kill(os.getpid(), 9)
    log = LOG + (WARNING if mode == "warning" else "")
    if mode == "error":
        log += "ERROR: [Place 30-487] The packing of instances into the device could not be obeyed.\n"
    Path("vivado.log").write_text(log)
    slacks = {
        "late": MET.replace("0.412", "-0.231"),
        "early": MET.replace("0.017", "-0.004"),
        "free": MET.replace("0.412", "NA"),
        "cut": MET[:60],
    }.get(mode, MET)
    Path("timing.rpt").write_text(TIMING.format(slacks=slacks, verdict="made up"))
    Path("utilization.rpt").write_text(UTILIZATION[:300] if mode == "half" else UTILIZATION)
    Path("paths.rpt").write_text(PATHS[:400] if mode == "path" else PATHS)
    Path("power.rpt").write_text("" if mode == "power" else POWER)
    Path("drc.rpt").write_text(DRC.format(rows=DRC_ERROR if mode == "drc" else ""))
    if mode != "empty":
        Path("shiftcore.bit").write_bytes(b"a bitstream of nothing")
    if Path("zynquplus.tcl").is_file():
        handoff = Path("project/shiftcore.gen/sources_1/bd/shiftcore/hw_handoff/shiftcore.hwh")
        handoff.parent.mkdir(parents=True)
        handoff.write_text(HANDOFF.format(divisor=9 if mode == "clock" else 8))
    return int(mode in ("error", "crash"))


if __name__ == "__main__":
    sys.exit(main())
