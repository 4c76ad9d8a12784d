# SPDX-License-Identifier: BSD-3-Clause
"""A picture small enough to stand in a page beside many others."""

import base64
import io

import numpy as np
from PIL import Image

PX = 150  # the longer side


def thumbnail(image: np.ndarray) -> str:
    """An RGB image, uint8 `[H, W, 3]`, as a JPEG data URL."""
    picture = Image.fromarray(image)
    picture.thumbnail((PX, PX))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
