"""Light: a key light over an environment of a vertical gradient and a few soft lobes, all in camera space.

Camera space has x to the right of the picture, y up, z towards the camera.
"""
import dataclasses

import numpy as np

f32 = np.float32
LUMA = np.array([.2126, .7152, .0722])
_DIRECTIONS = 48


def direction(azimuth, elevation):
    """Unit vector of a light at azimuth (degrees, > 0 = right of the picture) and elevation (> 0 = above)."""
    a, e = np.radians([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def tint(kelvin):
    """Colour of a light source, roughly a black body's, with luminance 1."""
    t = (kelvin - 6500) / 3500.
    c = np.array([1 - .20 * t, 1 - .02 * t, 1 + .32 * t]).clip(.35, 1.8)
    return c / (c @ LUMA)


def sh_basis(d):
    """The nine real spherical harmonics of order 0..2 at unit vectors d [..., 3], in the order
    1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2 (Ramamoorthi and Hanrahan 2001, eq. 3)."""
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    return np.stack([.282095 + 0 * x, .488603 * y, .488603 * z, .488603 * x, 1.092548 * x * y, 1.092548 * y * z,
                     .315392 * (3 * z * z - 1), 1.092548 * x * z, .546274 * (x * x - y * y)], -1).astype(f32)


def _fibonacci(n):
    i = np.arange(n) + .5
    ph, th = np.arccos(1 - 2 * i / n), np.pi * (1 + 5 ** .5) * i
    return np.stack([np.cos(th) * np.sin(ph), np.cos(ph), np.sin(th) * np.sin(ph)], 1).astype(f32)


def frame(d):
    """Orthonormal rows (u, w, d) with d as the third."""
    d = d / np.linalg.norm(d)
    u = np.cross([0, 1, 0] if abs(d[1]) < .9 else [1, 0, 0], d)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(d, u), d]).astype(f32)


DIRS = _fibonacci(_DIRECTIONS)
DIRS_SH = sh_basis(DIRS)
DIRS_FRAMES = np.ascontiguousarray(np.stack([frame(d) for d in DIRS]), f32)


@dataclasses.dataclass(frozen=True)
class Light:
    """kd: unit direction towards the key light; kc: its RGB; sky, ground: RGB of the environment above and below;
    lobes: (unit direction, sharpness, RGB) of at most 8 soft lights."""
    kd: np.ndarray
    kc: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    lobes: tuple = ()

    def radiance(self, dirs):
        """Environment radiance [n, 3] (without the key light) from unit directions [n, 3]."""
        t = dirs[:, 1:2] * .5 + .5
        rad = self.ground * (1 - t) + self.sky * t
        for d, sharp, colour in self.lobes:
            rad = rad + np.exp(sharp * (dirs @ d - 1))[:, None] * colour
        return rad.astype(f32)

    def environment_sh(self, rotation):
        """SH coefficients [9, 3] of the environment in the space that `rotation` maps to camera space."""
        return (DIRS_SH.T @ self.radiance(DIRS @ np.asarray(rotation, f32).T) * (4 * np.pi / _DIRECTIONS)).astype(f32)

    def label(self):
        """The 12 numbers that the generator takes (the contract's `light` input), in camera space. With L[9, 3] the SH
        coefficients of environment plus key light and Y their luminance: 0: log(Y0 / Y0 of the neutral light);
        1..8: Yi / Y0; 9..11: log(L0 rgb / Y0)."""
        total = self.environment_sh(np.eye(3)).astype(float)
        total += .5 * np.pi * sh_basis(np.asarray(self.kd))[:, None] * self.kc
        y = total @ LUMA
        return np.concatenate([[np.log(y[0] / _NEUTRAL_Y0)], y[1:] / y[0], np.log(total[0] / y[0])]).astype(f32)


def make(key_azimuth=0., key_elevation=32., key=.95, fill=.80, kelvin=6000., fill_kelvin=6500., ground=.45, lobes=None):
    """A key light over a filled environment. The defaults are the neutral light."""
    sky = tint(fill_kelvin) * fill
    if lobes is None:
        soft = tint(fill_kelvin) * fill * .55
        lobes = ((direction(-50, 25), 6., soft), (direction(50, 25), 6., soft))
    return Light(direction(key_azimuth, key_elevation), tint(kelvin) * key, sky, sky * np.array([1.04, 1, .95]) * ground, lobes)


_NEUTRAL_Y0 = 1.
NEUTRAL = make()
_NEUTRAL_Y0 = float(np.exp(NEUTRAL.label()[0]))


def sample(rng):
    """A mild, mostly frontal light: strong side light would eat the network's capacity (measured in a first try)."""
    fill, tone = rng.uniform(.6, .95), rng.uniform(4800, 7600)
    lobes = tuple((direction(rng.uniform(-75, 75), rng.uniform(0, 50)), rng.uniform(4, 10), tint(tone) * fill * rng.uniform(.3, .8))
                  for _ in range(2))
    return make(float(np.clip(rng.normal(0, 28), -60, 60)), rng.uniform(5, 50), rng.uniform(.5, 1.25), fill,
                rng.uniform(4800, 7200), tone, rng.uniform(.3, .6), lobes)
