# SPDX-License-Identifier: BSD-3-Clause
"""The station over HTTP: what boards send, and pages for people."""
