# SPDX-License-Identifier: BSD-3-Clause
"""The server of many boards: takes their events and clips, shows them, and has people say what is right of them."""
