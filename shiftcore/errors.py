# SPDX-License-Identifier: BSD-3-Clause
"""What is raised on purpose. Every message is one line that says what, where, and what would be right."""


class ShiftcoreError(Exception):
    """Any of these: catch this one to catch them all."""


class UserError(ShiftcoreError):
    """A wrong input: a mistake of the user's, not of the program. A command ends with exit code 2."""


class DeviceError(ShiftcoreError):
    """A device failed, or did what it must not: nobody's mistake. A command ends with exit code 3."""
