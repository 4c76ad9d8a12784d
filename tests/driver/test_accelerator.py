# SPDX-License-Identifier: BSD-3-Clause
"""The accelerator on every back end: results, streams, clips, and what is left when a user stops in the middle."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from shiftcore.driver import (
    Accelerator,
    ClosedError,
    FrameError,
    Result,
    ResultsWaitingError,
    StreamBusyError,
    accelerator,
)
from shiftcore.model.reference import Reference
from tests.driver.rig import Rig, behind, logits


def test_a_clip(rig: Rig, accelerator: Accelerator) -> None:
    """More frames than the chip holds; ids count up, the first frame clears, latency is one number."""
    frames = rig.frames(40, seed=1)
    results = list(accelerator.stream(frames, stream=1))
    assert logits(results) == rig.clip(frames, stream=1)
    assert [r.frame_id for r in results] == list(range(40))
    assert [(r.stream, r.clear) for r in results] == [(1, i == 0) for i in range(40)]
    latencies = {r.latency_cycles for r in results}
    assert len(latencies) == 1
    assert (latencies == {0}) == (rig.backend == "reference"), "only a chip with a clock has a latency"
    assert results[0].latency_ms == pytest.approx(results[0].latency_cycles / (accelerator.clock_mhz * 1e3))
    counters = accelerator.counters()
    assert counters.frames_done == 40
    assert {counters.latency_last, counters.latency_min, counters.latency_max} == latencies


def test_what_is_said_of_the_chip(rig: Rig, accelerator: Accelerator) -> None:
    reference = Reference.load(rig.build.chip / "model.npz")
    assert accelerator.classes == reference.classes
    assert accelerator.input_shape == reference.input_shape
    assert accelerator.streams == reference.streams
    assert accelerator.description == reference.description
    assert accelerator.backend == rig.backend
    preprocessor = accelerator.preprocessor()
    assert (preprocessor.height, preprocessor.width) == reference.input_shape[:2]


def test_decisions_are_the_references(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(6, seed=2)
    consensus = Reference.load(rig.build.chip / "model.npz").consensus()
    alarms = accelerator.description.alarm_indices or range(len(accelerator.classes))
    for index, result in enumerate(accelerator.stream(frames)):
        decision = consensus.update(result.logits, 0, index == 0)
        assert np.array_equal(result.decision.total, decision.total)
        assert np.array_equal(result.decision.scores, decision.scores)
        assert result.score == max(decision.scores[i] for i in alarms)


def test_infer_gives_the_last_frame(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(5, seed=3)
    assert accelerator.infer(frames).logits.tolist() == rig.clip(frames)[-1]
    assert accelerator.infer(frames[:2], stream=2).logits.tolist() == rig.clip(frames[:2])[-1]
    with pytest.raises(FrameError, match="no frames"):
        accelerator.infer([])


def test_streams_side_by_side(rig: Rig, accelerator: Accelerator) -> None:
    """Two iterators taken in turn; each sees its own clip alone."""
    first, second = rig.frames(7, seed=4), rig.frames(7, seed=5)
    pairs = list(zip(accelerator.stream(first, 0), accelerator.stream(second, 3), strict=True))
    assert logits(pair[0] for pair in pairs) == rig.clip(first)
    assert logits(pair[1] for pair in pairs) == rig.clip(second)


def test_many_cameras(rig: Rig, accelerator: Accelerator) -> None:
    """Frames of all streams in any order, clips that begin anywhere, results taken now and then."""
    rng = random.Random(6)
    frames = rig.frames(36, seed=6)
    jobs, begun, results, ids = [], set(), [], []
    for frame in frames:
        stream, clear = rng.randrange(accelerator.streams), rng.random() < 0.2
        ids.append(accelerator.submit(frame, stream, clear))
        jobs.append((frame, stream, clear or stream not in begun))
        begun.add(stream)
        if rng.random() < 0.3:
            results += accelerator.results()
    while len(results) < len(jobs):
        results += accelerator.results(wait_s=1.0)
    assert [r.frame_id for r in results] == ids
    assert [(r.stream, r.clear) for r in results] == [(stream, clear) for _, stream, clear in jobs]
    assert logits(results) == rig.expected(jobs)


def test_results_never_wait_for_nothing(rig: Rig, accelerator: Accelerator) -> None:
    before = behind(accelerator).clock()
    assert accelerator.results(wait_s=60.0) == []
    assert behind(accelerator).clock() - before < 1.0
    accelerator.submit(rig.frames(1)[0])
    assert len(accelerator.results(wait_s=60.0)) == 1


def test_reset_begins_a_clip(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(4, seed=7)
    accelerator.submit(frames[0], 1)
    accelerator.submit(frames[1], 1)
    accelerator.reset(1)
    accelerator.submit(frames[2], 1)
    accelerator.submit(frames[3], 1)
    results: list[Result] = []
    while len(results) < 4:
        results += accelerator.results(wait_s=1.0)
    assert [r.clear for r in results] == [True, False, True, False]
    assert logits(results) == rig.clip(frames[:2]) + rig.clip(frames[2:])


def test_the_senders_array_may_change_at_once(rig: Rig, accelerator: Accelerator) -> None:
    """A camera that reuses its buffer, and frames that are views of something larger."""
    frames = rig.frames(6, seed=8)
    height, width, channels = accelerator.input_shape
    buffer = np.zeros((height, 2 * width, channels), np.uint8)

    def camera() -> Iterator[np.ndarray]:
        for frame in frames:
            buffer[:, ::2] = frame
            yield buffer[:, ::2]
            buffer[:] = 0

    assert logits(accelerator.stream(camera())) == rig.clip(frames)


@pytest.mark.parametrize("wrong", ["dtype", "rows", "flat", "list", "float"])
def test_a_wrong_frame_is_refused_and_nothing_else_happens(rig: Rig, accelerator: Accelerator, wrong: str) -> None:
    frames = rig.frames(4, seed=9)
    bad = {
        "dtype": frames[0].astype(np.int8),
        "rows": frames[0][1:],
        "flat": frames[0].reshape(-1),
        "list": frames[0].tolist(),
        "float": frames[0] / 255,
    }[wrong]
    stream = accelerator.stream([frames[0], bad])
    with pytest.raises(FrameError, match=r"the network takes uint8 \(") as caught:
        list(stream)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
    with pytest.raises(FrameError):
        accelerator.submit(bad)
    assert logits(accelerator.stream(frames)) == rig.clip(frames)


@pytest.mark.parametrize("stream", [-1, 4, 127, 128, 1000])
def test_a_stream_that_is_not_there(rig: Rig, accelerator: Accelerator, stream: int) -> None:
    if 0 <= stream < accelerator.streams:
        pytest.skip("this build has it")
    frame = rig.frames(1)[0]
    for use in (
        lambda: accelerator.stream([frame], stream),
        lambda: accelerator.submit(frame, stream),
        lambda: accelerator.reset(stream),
    ):
        with pytest.raises(FrameError, match=f"stream {stream} is not in 0 .. {accelerator.streams - 1}"):
            use()


@pytest.mark.parametrize("after", [0, 1, 5, 35])
def test_a_camera_that_stops(rig: Rig, accelerator: Accelerator, after: int) -> None:
    """Its exception reaches the caller as it is; the next clip is right, and other streams never notice."""
    frames = rig.frames(36, seed=10)
    other = accelerator.stream(frames[:3], stream=2)
    seen = [next(other)]

    def camera() -> Iterator[np.ndarray]:
        yield from frames[:after]
        raise ConnectionError("the camera is gone")

    results = []
    with pytest.raises(ConnectionError, match="the camera is gone"):
        for result in accelerator.stream(camera()):
            results.append(result)
    assert logits(results) == rig.clip(frames)[: len(results)]
    assert logits([*seen, *other]) == rig.clip(frames[:3])
    assert logits(accelerator.stream(frames[:3])) == rig.clip(frames[:3])


def test_an_iterator_given_up(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(40, seed=11)
    accelerator.stream(frames)
    next(accelerator.stream(frames[:3]))
    results = accelerator.stream(frames)
    next(results)
    results.close()  # type: ignore[attr-defined]
    again = list(accelerator.stream(frames[:4]))
    assert logits(again) == rig.clip(frames[:4])


def test_left_in_the_middle(rig: Rig) -> None:
    frames = rig.frames(12, seed=12)
    with rig.open() as opened:
        stream = opened.stream(frames)
        next(stream)
        opened.submit(frames[0], 1)
    with pytest.raises(ClosedError):
        next(stream)
    for use in (opened.counters, opened.results, lambda: opened.submit(frames[0]), lambda: opened.stream(frames)):
        with pytest.raises(ClosedError, match="open it again"):
            use()
    opened.close()
    with rig.open() as opened:
        assert logits(opened.stream(frames)) == rig.clip(frames)


def test_an_exception_inside_with(rig: Rig) -> None:
    with pytest.raises(KeyError), rig.open() as opened:
        next(opened.stream(rig.frames(4)))
        raise KeyError


def test_one_user_a_stream(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(3, seed=13)
    first = accelerator.stream(frames, 1)
    results = [next(first)]
    with pytest.raises(StreamBusyError, match="stream 1 is in use"):
        next(accelerator.stream(frames, 1))
    with pytest.raises(StreamBusyError, match="stream 1 is in use"):
        accelerator.submit(frames[0], 1)
    accelerator.submit(frames[0], 0)
    assert logits([*results, *first]) == rig.clip(frames)
    accelerator.submit(frames[0], 1)
    assert [r.clear for r in [*accelerator.results(1.0), *accelerator.results(1.0)]] == [True, True]


def test_one_thread(accelerator: Accelerator) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            accelerator.counters()
        except ClosedError as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "belongs to the thread that opened it" in str(caught[0])


def test_results_that_nobody_takes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "WAITING", 5)
    frames = rig.frames(50, seed=14)
    with rig.open() as opened:
        sent = 0
        with pytest.raises(ResultsWaitingError, match="5 results wait"):
            for frame in frames:
                opened.submit(frame)
                sent += 1
        results: list[Result] = []
        while len(results) < sent:
            results += opened.results(wait_s=1.0)
        assert logits(results) == rig.clip(frames[:sent]), "none is lost"
        opened.submit(frames[sent])
        assert logits(opened.results(wait_s=1.0)) == rig.clip(frames[: sent + 1])[-1:]


def test_asyncio(rig: Rig, accelerator: Accelerator) -> None:
    """Two clips at once, one from an asynchronous camera; another task runs meanwhile."""
    first, second = rig.frames(5, seed=15), rig.frames(36, seed=16)
    ticks = 0

    async def camera() -> AsyncIterator[np.ndarray]:
        for frame in first:
            await asyncio.sleep(0)
            yield frame

    async def clip(frames: AsyncIterator[np.ndarray] | np.ndarray, stream: int) -> list[Result]:
        return [result async for result in accelerator.astream(frames, stream)]

    async def clock(stop: asyncio.Event) -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            await asyncio.sleep(0)

    async def main() -> list[list[Result]]:
        stop = asyncio.Event()
        ticking = asyncio.create_task(clock(stop))
        results = await asyncio.gather(clip(camera(), 0), clip(second, 1))
        stop.set()
        await ticking
        return list(results)

    results = asyncio.run(main())
    assert [logits(part) for part in results] == [rig.clip(first), rig.clip(second)]
    assert ticks > 10


def test_an_asynchronous_iterator_given_up(rig: Rig, accelerator: Accelerator) -> None:
    frames = rig.frames(9, seed=17)

    async def one() -> None:
        results = accelerator.astream(frames)
        async for _ in results:
            break
        await results.aclose()  # type: ignore[attr-defined]

    asyncio.run(one())
    assert logits(accelerator.stream(frames[:3])) == rig.clip(frames[:3])


@pytest.mark.parametrize("seed", [1, 2])
def test_anything_in_any_order(rig: Rig, accelerator: Accelerator, seed: int) -> None:
    """Random use: frames, clips, clips given up, resets; every result is compared with the reference by the driver
    itself, and what a clip yields is checked here."""
    rng = random.Random(seed)
    frames = rig.frames(12, seed=seed)
    for _ in range(8):
        stream, action = rng.randrange(accelerator.streams), rng.randrange(4)
        if action == 0:
            count = rng.randint(1, 6)
            assert logits(accelerator.stream(frames[:count], stream)) == rig.clip(frames[:count])
        elif action == 1:
            next(accelerator.stream(frames, stream))  # given up at once
        elif action == 2:
            accelerator.reset(stream)
        else:
            for _ in range(rng.randint(1, 8)):
                accelerator.submit(frames[rng.randrange(len(frames))], rng.randrange(accelerator.streams))
                accelerator.results()
    while accelerator.results(wait_s=1.0):
        pass
