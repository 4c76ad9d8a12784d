# SPDX-License-Identifier: BSD-3-Clause
"""`python -m shiftcore`: the same as the command `shiftcore`."""

from shiftcore.flow.command import main

if __name__ == "__main__":
    main()
