# SPDX-License-Identifier: BSD-3-Clause
"""The commands that go from end to end: set-up, demo and bench."""
