"""The scenes of the crowd clips: who moves how, as functions of the frame. Each is a trial of what detectors and trackers miss."""
import dataclasses
from typing import Callable

import numpy as np

WIDTH, HEIGHT, FPS = 640, 360, 25


@dataclasses.dataclass(frozen=True)
class Walk:
    """A person's way: face height in pixels, and per frame the centre (x, y), yaw, pitch and roll in degrees."""
    who: int
    face: Callable
    at: Callable
    turn: Callable = lambda f: (0., 0., 0.)


@dataclasses.dataclass(frozen=True)
class Scene:
    """Part of a clip. After `dissolve` frames of overlap with the scene before it stands alone. gain darkens, roll turns the
    camera (degrees by frame), bar is an occluder's left edge by frame, 70 px wide."""
    frames: int
    walks: tuple
    look: int = 0
    dissolve: int = 0
    gain: float = 1.
    roll: Callable | None = None
    bar: Callable | None = None


def line(a, b, n):
    """From a to b in n frames."""
    return lambda f: np.asarray(a, float) + (np.asarray(b, float) - np.asarray(a, float)) * f / max(n - 1, 1)


def still(x, y):
    return lambda f: np.array([x + 1.5 * np.sin(f / 7 + x), y + 1. * np.sin(f / 9 + y)])


def nod(yaw, swing=8., speed=9.):
    return lambda f: (yaw + swing * np.sin(f / speed + yaw), 3 * np.sin(f / 11), 3 * np.sin(f / 13 + yaw))


def stand(who, face, x, y, yaw=0., swing=8.):
    return Walk(who, lambda f: face, still(x, y), nod(yaw, swing))


def walk(who, face, a, b, n, yaw=0., swing=6.):
    return Walk(who, lambda f: face, line(a, b, n), nod(yaw, swing))


def crowd(rows, top, step, face, first=0):
    """Rows of people, the hindmost first."""
    out = []
    for r, n in enumerate(rows):
        for i in range(n):
            size = face * (1 + .22 * r)
            x = WIDTH * (i + .5 + .2 * (r % 2)) / (n + .2)
            out.append(stand(first + len(out), size, x, top + r * step, (x - WIDTH / 2) / -14, 6.))
    return tuple(out)


CLIPS = {
    "profile": [Scene(50, (Walk(0, lambda f: 92, still(190, 150), lambda f: (-80 + 160 * f / 49, 0, 0)),
                           Walk(1, lambda f: 76, still(450, 140), lambda f: (82 * np.sin(f / 8), 8 * np.sin(f / 6), 0))))],
    "small": [Scene(40, tuple(stand(i, 20 + 1.2 * i, 45 + 61 * i, 110 + 34 * (i % 3), 10 * np.sin(i)) for i in range(10)), 1)],
    "crossing": [Scene(60, (walk(2, 72, (90, 150), (550, 150), 60, 14), walk(3, 84, (560, 160), (80, 160), 60, -14),
                            walk(4, 60, (320, 130), (330, 132), 60)), 2)],
    "occluded": [Scene(50, (stand(5, 88, 180, 150, 8), stand(6, 80, 430, 150, -8)), 1, bar=lambda f: -80 + 15 * f)],
    "leaving": [Scene(60, (walk(0, 110, (-70, 150), (210, 150), 60, 12), walk(3, 96, (560, 150), (705, 150), 60, 10),
                           Walk(5, lambda f: 84, line((400, 390), (400, -50), 60), nod(0))), 0)],
    "cuts": [Scene(14, (stand(0, 100, 200, 150, 6), stand(1, 90, 450, 150, -6)), 0), Scene(14, (stand(2, 120, 330, 160),), 1),
             Scene(14, (stand(3, 70, 120, 140), stand(4, 74, 330, 145), stand(5, 70, 540, 140)), 2),
             Scene(26, (stand(6, 96, 430, 150, -5), stand(2, 88, 190, 150, 5)), 1, dissolve=12)],
    "fast": [Scene(40, (Walk(1, lambda f: 82, lambda f: np.array([320 + 280 * np.sin(f / 5.5), 150 + 20 * np.sin(f / 3)]), nod(0)),
                        walk(4, 70, (-400, 160), (1300, 150), 40)), 2)],
    "dark": [Scene(40, (stand(0, 92, 170, 150, 8), stand(6, 70, 360, 140, -6), stand(2, 80, 530, 150, -10)), 0, gain=.13)],
    "roll": [Scene(72, (stand(3, 84, 215, 165, 6), stand(5, 78, 420, 170, -8)), 1, roll=lambda f: -180 + 5 * f)],
    "thirty": [Scene(24, crowd((9, 8, 7, 6), 66, 64, 34), 2)],
}
