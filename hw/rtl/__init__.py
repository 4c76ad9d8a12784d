# SPDX-License-Identifier: BSD-3-Clause
"""The shell and what joins a core's layers: each module with its properties beside it, and `checks`."""
