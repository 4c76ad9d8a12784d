# SPDX-License-Identifier: BSD-3-Clause
"""What only a real browser shows: the policy lets our own script and style work, keys review, pages renew themselves, a
clip plays."""

import json
from pathlib import Path

import numpy as np
from sqlalchemy import select

from shiftcore.model import video
from shiftcore.station.tables import Review
from tests.driver.mosquitto import eventually
from tests.station.browser import Running, event
from tests.station.chromium import Page, browsing, needs_chromium


def real_clip(path: Path) -> bytes:
    """Three seconds of H.264."""
    video.write(path, [np.full((48, 64), level, np.uint8) for level in range(60, 135)])
    return path.read_bytes()


def fill_in(page: Page, **fields: str) -> None:
    """Fill in the page's form, and send it."""
    for name, text in fields.items():
        page.value(f"document.querySelector('main [name={name}]').value = {json.dumps(text)}")
    page.value("document.querySelector('main form').requestSubmit()")


@needs_chromium
def test_a_person_comes_in_sees_an_alarm_come_plays_its_clip_and_reviews_it_by_a_key(
    running: Running, tmp_path: Path
) -> None:
    site, clip = f"http://127.0.0.1:{running.port}", real_clip(tmp_path / "clip.mp4")
    with browsing() as page:
        page.open(f"{site}/login")
        fill_in(page, name="admin", password=running.password)
        assert page.becomes("location.pathname === '/password'")
        fill_in(page, old=running.password, new="long enough", again="long enough")
        assert page.becomes("location.pathname === '/' && document.querySelector('[data-live]') !== null")
        assert page.becomes("getComputedStyle(document.querySelector('header')).display === 'flex'")  # our own style
        assert page.value("document.documentElement.scrollWidth <= innerWidth") is True  # on a telephone
        running.send_clip(event(), video=clip)
        assert page.becomes("document.querySelector('.tile.alarm') !== null")  # nobody has asked
        page.open(f"{site}/events/1")
        assert page.becomes("document.querySelector('video').currentTime > 0")
        page.press("a")
        assert page.becomes("document.activeElement.id === 'action'")
        page.press("w")
        assert page.value("document.activeElement.value") == "w"  # there it is a letter
        page.press("Escape")
        page.press("w")
        assert page.becomes("location.pathname === '/events'")

    def reviews() -> list[tuple[str, str]]:
        with running.parts.database.reading() as session:
            return [(one.verdict, one.action) for one in session.scalars(select(Review))]

    assert eventually(lambda: reviews() == [("wrong", "w")], 60)
    assert page.complaints == []
