# SPDX-License-Identifier: BSD-3-Clause
"""`shiftcore certify`: what a board shows in half an hour, as one sealed file and a page (docs/certify.md)."""
