"""Draws what a training picture shows: identity mix, expression, gaze, pose, light; and packs it as the network's inputs."""
import numpy as np

from renderer import UNIT_NAMES, light

PROXIES = 64
GAZE_UNIT, YAW_UNIT, PITCH_UNIT = 15., 60., 30.
# number of proxies in a mixture and its probability: the product's default is 4
_KP = np.array([2, 3, 4, 5, 6, 7, 8, 9, 10])
_KP_P = np.array([.12, .15, .28, .13, .10, .06, .06, .04, .06])
_UNIT = {n: i for i, n in enumerate(UNIT_NAMES)}
# units whose shapes contradict each other: the second fades when the first is on
_EXCLUSIVE = (("eyeOpen", "eyeClose"), ("smileOpen", "smileClose"), ("pucker", "stretch"), ("browUp", "browDown"))


def mixture(rng, proxies=PROXIES):
    """Indices of the proxies of one mixture."""
    return rng.choice(proxies, int(rng.choice(_KP, p=_KP_P)), replace=False)


def expression(rng):
    """16 units in 0..1: neutral, single units, talking, or free combinations; blinks on top."""
    x, kind = np.zeros(len(UNIT_NAMES)), rng.random()
    if kind < .15:
        x[rng.integers(len(x))] = rng.uniform(.3, 1)
    elif kind < .50:
        x[_UNIT["MouthOpen"]] = rng.uniform(0, .8)
        for u in rng.choice(["smileClose", "smileOpen", "pucker", "stretch", "lipUp", "lipDown", "browUp", "squint"], 2, replace=False):
            x[_UNIT[u]] = rng.uniform(0, .6)
    elif kind < .92:
        for u in rng.choice(len(x), rng.integers(1, 5), replace=False):
            x[u] = min(1, abs(rng.normal(0, .55)))
    if rng.random() < .18:
        x[_UNIT["eyeClose"]] = rng.choice([1, rng.uniform(.2, 1)])
    for a, b in _EXCLUSIVE:
        x[_UNIT[b]] *= max(0., 1 - 2 * x[_UNIT[a]])
    return x


def gaze(rng):
    """Yaw, pitch in degrees, relative to the head."""
    return float(np.clip(rng.normal(0, 9), -28, 28)), float(np.clip(rng.normal(0, 5), -18, 18))


def pose(rng):
    """Yaw in +-75, pitch in +-30 degrees, more often near frontal."""
    if rng.random() < .75:
        return float(np.clip(rng.normal(0, 24), -75, 75)), float(np.clip(rng.normal(0, 10), -30, 30))
    return float(rng.uniform(-75, 75)), float(rng.uniform(-30, 30))


def illumination(rng):
    """The neutral light almost half of the time: it is what the product uses by default."""
    return light.NEUTRAL if rng.random() < .45 else light.sample(rng)


def weights(indices, proxies=PROXIES):
    """The mix input: 1/k at the given proxies."""
    w = np.zeros(proxies, np.float32)
    w[np.asarray(indices)] = 1. / len(indices)
    return w


def pack(mix, units, gaze_deg, yaw, pitch, light_label):
    """One row of 96: mix 64 | expression 16 | gaze 2 | pose 2 | light 12, scaled as the network takes them."""
    return np.concatenate([mix, units, np.array(gaze_deg) / GAZE_UNIT, [yaw / YAW_UNIT, pitch / PITCH_UNIT], light_label]).astype(np.float32)


INPUTS = (("mix", PROXIES), ("expression", len(UNIT_NAMES)), ("gaze", 2), ("pose", 2), ("light", 12))


def split(rows):
    """Rows [n, 96] (numpy or torch) to the inputs by name."""
    out, start = {}, 0
    for name, size in INPUTS:
        out[name] = rows[:, start: start + size]
        start += size
    return out
