# SPDX-License-Identifier: BSD-3-Clause
"""Movements cut out of recordings: each is reachable by its name and shows what it is called."""

import numpy as np
import pytest

from shiftcore.errors import UserError
from shiftcore.quant import mocap
from shiftcore.quant.mocap import J
from shiftcore.quant.scenes.movements import MOVEMENTS, Library, Signals


@pytest.mark.parametrize("name", MOVEMENTS)
def test_each_movement_is_performed_by_name_for_as_long_as_asked(library: Library, name: str) -> None:
    for seed in range(4):
        track = library.perform(np.random.default_rng(seed), name, 2.4, 1.3)
        assert track.pos.shape == (74, 22, 3) and track.root.shape == (74, 3)
        assert np.isfinite(track.pos).all() and np.abs(track.root[0, [0, 2]]).max() < 1e-6
        assert np.abs(np.diff(track.pos, axis=0)).max() < 0.5  # windows go over into each other without a jump
    again = library.perform(np.random.default_rng(3), name, 2.4, 1.3)
    assert np.array_equal(track.pos, again.pos) and np.array_equal(track.root, again.root)


def test_an_unknown_movement_is_named() -> None:
    with pytest.raises(UserError, match="levitate: no movement; there are stand, "):
        Library(mocap.Path("none")).windows("levitate")


def test_a_movement_that_no_recording_shows_is_told_at_once(library: Library, tmp_path: mocap.Path) -> None:
    (tmp_path / "npz").mkdir()
    (tmp_path / "npz" / "walk.npz").write_bytes((library.folder / "npz" / "walk.npz").read_bytes())
    with pytest.raises(UserError, match="no recording in it shows 'stand'"):
        Library(tmp_path).check()


def test_a_blow_is_cut_to_where_a_hand_strikes_ahead(library: Library) -> None:
    (sequence, windows), *_ = library.windows("punch")
    signals = Signals(sequence)
    assert len(windows) >= 5
    for window in windows:
        assert (
            signals.hands[window.reference] > 4 and signals.reach[window.reference : window.reference + 4].max() > 0.36
        )
        assert window.start <= window.reference < window.stop and window.stop - window.start < 30


@pytest.mark.parametrize("other_hand", [False, True])
def test_who_walks_goes_the_way_that_the_body_faces(library: Library, other_hand: bool) -> None:
    """Left and right exchanged without the other axis would have them walk backward."""
    for sequence, _ in library.windows("walk"):
        pos, root = mocap.mirrored(sequence.pos, sequence.root) if other_hand else (sequence.pos, sequence.root)
        way, angle = root[-1] - root[0], mocap.facing(pos)[0]
        assert (way[0] * np.sin(angle) + way[2] * np.cos(angle)) / np.hypot(way[0], way[2]) > 0.9


def test_a_mirrored_body_uses_the_other_hand(library: Library) -> None:
    (sequence, _), *_ = library.windows("punch")
    pos, _ = mocap.mirrored(sequence.pos, sequence.root)

    def reach(values: np.ndarray, name: str) -> float:
        return float(values[:, J[name], 2].max())

    assert reach(sequence.pos, "l_wrist") > 0.4 > reach(sequence.pos, "r_wrist")
    assert reach(pos, "r_wrist") > 0.4 > reach(pos, "l_wrist")
