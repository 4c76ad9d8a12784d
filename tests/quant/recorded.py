# SPDX-License-Identifier: BSD-3-Clause
"""A small folder of recorded movements for tests: a body of sticks moved by formulas, a sequence a movement or two."""

from pathlib import Path

import numpy as np

from shiftcore.quant.mocap import JOINTS, RATE, J

COUNT = 200  # frames of a sequence
# Standing, facing z: left is +x.
BODY = {
    "pelvis": (0, 0, 0), "spine": (0, 0.1, 0), "chest": (0, 0.3, 0), "neck": (0, 0.5, 0), "head": (0, 0.6, 0.02),
    "head_top": (0, 0.78, 0.02), "l_shoulder": (0.18, 0.45, 0), "l_elbow": (0.2, 0.17, 0), "l_wrist": (0.2, -0.08, 0),
    "l_hand": (0.2, -0.2, 0), "l_hip": (0.1, -0.05, 0), "l_knee": (0.1, -0.47, 0.02), "l_ankle": (0.1, -0.87, 0),
    "l_toe": (0.1, -0.93, 0.14),
}  # fmt: skip
HEIGHT = 0.93


def body() -> np.ndarray:
    """Joints `[22, 3]` of somebody who stands and faces z."""
    places = BODY | {name.replace("l_", "r_", 1): (-x, y, z) for name, (x, y, z) in BODY.items() if name[:2] == "l_"}
    return np.array([places[name] for name in JOINTS], np.float64)


def sequence(
    pace: float = 0, pelvis: tuple[float, float] = (HEIGHT, HEIGHT), hands: float = 0, blow: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Somebody who goes at `pace` along z, whose pelvis moves from a height to another, whose hands swing at so many
    metres a second; `blow`: a joint that shoots forward every second."""
    time = np.arange(COUNT) / RATE
    pos = np.tile(body(), (COUNT, 1, 1))
    swing = 0.25 * np.sin(2 * np.pi * time * hands / 1.0)
    for side, sign in (("l_", 1), ("r_", -1)):
        for joint in ("wrist", "hand"):
            pos[:, J[side + joint], 2] += sign * swing
        pos[:, J[side + "ankle"], 2] += sign * 0.15 * np.sin(2 * np.pi * time) * (pace > 0)
    if blow:
        out = np.exp(-((((time % 1) - 0.5) / 0.06) ** 2))[:, None]
        for joint in (blow, blow.replace("wrist", "hand").replace("ankle", "toe")):
            pos[:, J[joint]] += out * np.array([0, 0.6, 0.6])
    height = np.interp(np.arange(COUNT), [40, 100], pelvis)
    root = np.stack([0 * time, height, pace * time], 1)
    return pos, root


SEQUENCES = {
    "walk": [("walk", sequence(1.2)), ("walk, turn", sequence(1.0)), ("slow walk", sequence(0.5))],
    "run": [("Run", sequence(3.5))],
    "stand": [("Stand", sequence())],
    "gesture": [("direct traffic, wash window", sequence(hands=0.8))],
    "carry": [("Pick Up Box", sequence(hands=0.5)), ("Walk With Box", sequence(0.9))],
    "sit": [("Sitting", sequence(pelvis=(0.5, 0.5))), ("sit", sequence(pelvis=(0.93, 0.5)))],
    "fall": [
        ("Lie", sequence(pelvis=(0.15, 0.15))),
        ("Crawl", sequence(pelvis=(0.4, 0.4))),
        ("Crouch To Lie", sequence(pelvis=(0.65, 0.15))),
        ("Get up", sequence(pelvis=(0.15, 0.93))),
    ],
    "dance": [("dance", sequence(hands=1.5))],
    "sport": [("jumping jacks, skip", sequence(hands=1.5))],
    "other": [(text, sequence(hands=0.8)) for text in ("Block", "Dodge", "Advance", "monkey", "climb 3 steps")],
    "punch": [("Jab", sequence(blow="l_wrist"))],
    "kick": [("Front Kick", sequence(blow="r_ankle"))],
    "weapon": [("swordplay", sequence(hands=1.5))],
}


def write(folder: Path) -> Path:
    """Write the tables as the real ones are; returns `folder`."""
    (folder / "npz").mkdir(parents=True)
    for category, several in SEQUENCES.items():
        texts = [text for text, _ in several]
        np.savez(
            folder / "npz" / f"{category}.npz",
            joints=np.array(JOINTS),
            fps=np.float32(RATE),
            pos=np.concatenate([pos for _, (pos, _) in several]).astype(np.float16),
            root=np.concatenate([root for _, (_, root) in several]).astype(np.float32),
            start=np.arange(len(several), dtype=np.int32) * COUNT,
            count=np.full(len(several), COUNT, np.int32),
            key=np.array(texts),
            desc=np.array(texts),
        )
    return folder
