# SPDX-License-Identifier: BSD-3-Clause
"""Small pictures of what cameras see now: covered, seldom, and only where the site says so."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from shiftcore.driver.service.cover import Cover
from shiftcore.driver.service.live import Live, LiveSettings, jpeg
from shiftcore.driver.service.site import SiteError, read_site
from shiftcore.driver.sources import Image


def image(pixels: np.ndarray) -> Image:
    return Image(pixels, 0.0, 0, "door", False)


def test_what_is_masked_is_black_there_too_and_the_picture_is_small() -> None:
    shown: list[tuple[str, bytes]] = []
    live = Live(LiveSettings(1.0), lambda camera, content: shown.append((camera, content)))
    cover = Cover(masks=(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)),))
    for _ in range(5):
        live.saw("door", cover(image(np.full((480, 641), 200, np.uint8))))  # one in a second
    live.saw("yard", image(np.full((48, 64, 3), (200, 20, 20), np.uint8)))
    live.close()
    assert [camera for camera, _ in shown] == ["door", "yard"]
    door, yard = (np.asarray(Picture.open(io.BytesIO(content)).convert("RGB")) for _, content in shown)
    assert door.shape == (160, 214, 3)
    assert yard.shape == (48, 64, 3)
    assert door[:, 110:].max() < 40
    assert door[:, :100].min() > 180
    assert np.abs(yard[20, 20].astype(int) - (200, 20, 20)).max() < 12


def test_a_picture_of_one_row_too_many() -> None:
    assert Picture.open(io.BytesIO(jpeg(np.zeros((7, 9), np.uint8)))).size == (8, 6)


def test_a_site_says_how_often(tmp_path: Path) -> None:
    site, cameras = tmp_path / "site.toml", '[cameras.door]\naddress = "rtsp://10.0.0.5/x"\n'
    site.write_text(cameras)
    assert read_site(site).live is None
    site.write_text(f"{cameras}[live]\nseconds = 10\n")
    assert read_site(site).live == LiveSettings(10.0)
    site.write_text(f"{cameras}[live]\nseconds = 0.5\n")
    with pytest.raises(SiteError, match=r"seconds is 0\.5; it is 1 or more"):
        read_site(site)
