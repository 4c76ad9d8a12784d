# SPDX-License-Identifier: BSD-3-Clause
"""The `yosys` command as SymbiYosys calls it, `-ql LOG SCRIPT`, from pyosys: a native library with read_slang in it."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the script, its output in the log; errors go to stderr as well. Returns Yosys' exit code."""
    flags, log, script = sys.argv[1:]
    if flags != "-ql":
        raise SystemExit(f"{flags}: this yosys knows -ql LOG SCRIPT alone")
    runner = Path(__file__).parents[1] / "toolchains" / "yosys" / "run.py"
    with open(log, "w") as stream:
        done = subprocess.run([sys.executable, str(runner), script], stdout=stream, stderr=stream, check=False)
    if done.returncode:
        lines = Path(log).read_text(errors="replace").splitlines()
        print("\n".join(line for line in lines if "ERROR" in line or "error:" in line), file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
