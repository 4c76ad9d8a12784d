# SPDX-License-Identifier: BSD-3-Clause
"""Drawn scenes in three dimensions, of people who move as recorded people moved.

`clip` draws one. The rooms: movements (what one person does), people (bodies), cast (who does what with whom), camera
(what of space it sees), places (backdrops and furniture), traffic (vehicles), weather (what moves and is nobody),
film (what the camera makes of it), painting (polygons onto pictures).
"""
