# SPDX-License-Identifier: BSD-3-Clause
"""The order of the review list: what teaches most comes first where that is chosen."""

import pytest

from shiftcore.station.teaching import Waiting, in_order
from tests.station.browser import Browser, Running, event
from tests.station.conftest import both_databases


@pytest.mark.parametrize(
    ("waiting", "numbers"),
    [
        ([], []),
        ([Waiting(1, 0.9, 0.5, 0), Waiting(2, 0.6, 0.5, 0), Waiting(3, 0.5, 0.5, 0)], [3, 2, 1]),  # near the threshold
        ([Waiting(1, 0.9, 0.9, 9), Waiting(2, 0.9, 0.9, 0), Waiting(3, 0.9, 0.9, 1)], [2, 3, 1]),  # few labels
        ([Waiting(1, 0.6, 0.5, 5), Waiting(2, 0.9, 0.5, 0)], [2, 1]),  # the first label outweighs the sixth
        ([Waiting(1, 0.55, 0.5, 1), Waiting(2, 1.0, 0.0, 0)], [1, 2]),  # but what is certain teaches little
        ([Waiting(2, 0.9, 0.8, 0), Waiting(1, 0.9, 0.8, 0)], [1, 2]),  # of equals the oldest
    ],
)
def test_what_teaches_most_comes_first(waiting: list[Waiting], numbers: list[int]) -> None:
    assert in_order(waiting) == numbers


@both_databases
def test_a_person_chooses_the_order(running: Running, admin: Browser) -> None:
    for which, camera, model, score in (
        ("e1", "door", "m1", 0.9),
        ("e2", "door", "m1", 0.7),  # at its camera's threshold
        ("e3", "yard", "m1", 0.95),  # at its own's
        ("e4", "door", "m2", 0.8),  # another model's threshold
        ("e5", "door", "m1", 0.8),
    ):
        running.tell(event(which=which, camera=camera, model=model, score=score))
    assert admin.get("/review").headers["location"] == "/events/1?order=oldest"
    assert admin.get("/review?order=teaching").headers["location"] == "/events/2?order=teaching"
    assert admin.get("/review?order=teaching&after=2").headers["location"] == "/events/3?order=teaching"
    assert admin.get("/review?order=nonsense&after=5").headers["location"] == "/events/1?order=oldest"
    page = admin.get("/events/2?order=teaching").text
    assert '<a href="/events/2?order=teaching" aria-current="true">what teaches most first</a>' in page
    assert 'href="/review?order=teaching&amp;after=2" data-key="n"' in page
    answer = admin.post("/events/2/review", verdict="right", action="", order="teaching")
    assert answer.headers["location"] == "/events/3?order=teaching"  # door has a label now
    for number, then in ((3, 4), (4, 5), (5, 1)):
        answer = admin.post(f"/events/{number}/review", verdict="wrong", action="", order="teaching")
        assert answer.headers["location"] == f"/events/{then}?order=teaching"
    assert admin.post("/events/1/review", verdict="wrong", action="", order="teaching").headers["location"] == "/events"
    assert admin.get("/review?order=teaching").headers["location"] == "/events?review=none&kind=alarm"
