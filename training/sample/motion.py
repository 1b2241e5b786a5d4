"""How a person of the sample clip moves: slow turns, blinks, glances, small expressions. Smooth and a function of the seed only."""
import numpy as np

from renderer import UNIT_NAMES


def sway(rng, frames, fps, amplitude, speeds=(.22, .45, .8)):
    """A sum of sines with random phases, of the given amplitude."""
    t = np.arange(frames) / fps
    parts = [a * np.sin(2 * np.pi * (s * rng.uniform(.8, 1.2) * t + rng.random())) for s, a in zip(speeds, (1, .45, .2))]
    return amplitude * np.sum(parts, 0) / 1.3


def blinks(rng, frames, fps):
    """Lids 0..1: a blink of 7 frames every 2 seconds or so."""
    shape, lids, at = np.array([.35, .9, 1, .9, .6, .3, .1]), np.zeros(frames), int(rng.uniform(.2, 1.6) * fps)
    while at < frames:
        n = min(len(shape), frames - at)
        lids[at: at + n] = np.maximum(lids[at: at + n], shape[:n])
        at += int(rng.uniform(1.4, 3.2) * fps)
    return lids


def perform(part, frames, fps, talk):
    """Per frame: units [frames, 16], gaze, yaw, pitch, roll, centre [frames, 2]. talk: units of speech (voice.mouth) or None."""
    rng = np.random.default_rng([41, part.seed])
    yaw = part.facing[0] + sway(rng, frames, fps, part.turn[0])
    pitch = part.facing[1] + sway(rng, frames, fps, part.turn[1])
    roll = sway(rng, frames, fps, part.turn[2])
    gaze = np.stack([sway(rng, frames, fps, 7) - .25 * yaw, sway(rng, frames, fps, 3)], 1)
    units = {n: np.zeros(frames) for n in UNIT_NAMES}
    units["eyeClose"] = blinks(rng, frames, fps)
    mood = rng.choice(["smileClose", "browUp", "squint", "smileOpen"])
    units[mood] = np.clip(.15 + sway(rng, frames, fps, .25), 0, .5)
    units["browUp"] = np.clip(units["browUp"] + sway(rng, frames, fps, .22), 0, .6)
    for name, value in (talk or {}).items():
        units[name] = np.clip(units[name] + value, 0, 1)
    if talk:
        units["browUp"] = np.clip(units["browUp"] + .3 * np.convolve(talk["MouthOpen"], np.ones(9) / 9, "same"), 0, .7)
    u = np.linspace(0, 1, frames)[:, None]
    centre = np.asarray(part.start) * (1 - u) + np.asarray(part.end) * u
    centre = centre + part.face / 100 * np.stack([sway(rng, frames, fps, 2.5), sway(rng, frames, fps, 1.5)], 1)
    return dict(units=np.stack([units[n] for n in UNIT_NAMES], 1), gaze=np.clip(gaze, -25, 25), yaw=np.clip(yaw, -55, 55),
                pitch=np.clip(pitch, -25, 25), roll=roll, centre=centre)
