# SPDX-License-Identifier: BSD-3-Clause
"""Run a Yosys script in a process of its own: `python run.py SCRIPT`.

A mistake makes Yosys end the process it runs in, so it never runs in ours. Its log goes to standard output.
"""

import signal
import sys
from pathlib import Path

from pyosys import libyosys as ys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a pass at once instead of after it
design = ys.Design()
for command in Path(sys.argv[1]).read_text().splitlines():
    ys.run_pass(command, design)
