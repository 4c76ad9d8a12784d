# SPDX-License-Identifier: BSD-3-Clause
"""`make fuzz`: random networks through export, compile, reference and RTL, and what comes behind these.

`case` is what one says, `draw` makes them up, `check` runs one, `watch` keeps it in a process of its own, `report`
tells what became of all of them.
"""
