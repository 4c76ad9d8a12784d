# SPDX-License-Identifier: BSD-3-Clause
"""Run by test_hwh.py with a Python that has pynq: what pynq makes of a .hwh, as JSON on stdout.

By the reader of Overlay since PYNQ 3.0, and, where `old` is given, by the one of before, which pynq still carries.
"""

import json
import sys

from pynqmetadata.frontends import Metadata

try:
    from pynqmetadata.views.runtime import RuntimeMetadataParser
except ImportError:  # before pynq 4
    from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser

keys = ("ip_dict", "clock_dict", "interrupt_pins", "interrupt_controllers", "mem_dict", "hierarchy_dict")
reader = RuntimeMetadataParser(Metadata(input=sys.argv[1]))
if "old" in sys.argv[2:]:
    from pynq.pl_server.hwh_parser import _HWHZynq

    reader = _HWHZynq(hwh_name=sys.argv[1])
    reader.init_interrupts()
json.dump({key: getattr(reader, key) for key in keys}, sys.stdout, default=str)
