# SPDX-License-Identifier: BSD-3-Clause
"""What makes of `shiftcore run` a service: site file, schedules, zones, masks, troubles, reloading."""
