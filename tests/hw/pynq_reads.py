"""Run by test_hwh.py with the Python that has pynq: what pynq makes of a .hwh, as JSON on stdout.

Both of its readers: that of Overlay since PYNQ 3.0, and the one of before, which pynq still carries.
"""

import json
import sys

from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
from pynq.pl_server.hwh_parser import _HWHZynq
from pynqmetadata.frontends import Metadata

path = sys.argv[1]
new, old = RuntimeMetadataParser(Metadata(input=path)), _HWHZynq(hwh_name=path)
old.init_interrupts()
keys = ("ip_dict", "clock_dict", "interrupt_pins", "interrupt_controllers", "mem_dict", "hierarchy_dict")
result = {name: {key: getattr(reader, key) for key in keys} for name, reader in (("new", new), ("old", old))}
json.dump(result, sys.stdout, default=str)
