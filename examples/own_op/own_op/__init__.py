# SPDX-License-Identifier: BSD-3-Clause
"""The absolute value of a stream, as an op for shiftcore. A board imports `semantics` alone, which wants no FINN."""
