"""The training renderer: synthetic heads with known identity, expression, gaze, pose and light. CPU only (numpy, OpenCV, a C++ compiler).

    r = Renderer("path/to/assets")             # or $KSAMENET_PROXY_ASSETS
    people = persons.load("training/proxies64.json")   # or r.sample(seed), new parameters
    a = r.person(people[0])                    # Identity: shape and texture
    m = r.mix([a, b, c])                       # a mixture, the ground truth of a k_p = 3 surrogate
    s = r.scene(m, {"MouthOpen": .6, "smileOpen": .3}, gaze=(10, -5))   # units by name, or the 16-vector of UNIT_NAMES
    q = r.render(s, yaw=20, pitch=-5, roll=0, light=light.NEUTRAL, size=128)
    q["rgb"], q["alpha"], q["cover"]           # [size, size, 3] and [size, size] bytes, straight sRGB
    q["lm468"], q["lm5"]                       # pixels; x right, y down
    q["light"]                                 # the 12 numbers of the generator's light input

    r.render(s, ..., whole_head=True, background=picture)   # with hair, neck and collar over a picture

Signs: yaw > 0 turns the face to the picture's right, pitch > 0 down, gaze likewise and relative to the head, roll > 0
counter-clockwise; degrees. 2.2 m camera distance. rgb outside of `cover` is filled with near colours, not with a background.
"""
import numpy as np

from . import head, light, persons  # noqa: F401 (light is part of the interface)
from .assets import Assets
from .head import UNIT_NAMES, Identity, Scene
from .render import PATCH, WHOLE_HEAD, Camera, View  # noqa: F401
from .skin import Skins
from .wrinkles import Wrinkles

__all__ = ["Renderer", "UNIT_NAMES", "Identity", "Scene", "View", "PATCH", "WHOLE_HEAD", "light", "persons"]


class Renderer:
    """Everything above in one object. texture_size: side of the texture atlas (1024 suits faces up to 400 pixels)."""

    def __init__(self, assets=None, texture_size=1024):
        self.assets = Assets(assets)
        self.skins = Skins(self.assets, texture_size)
        self.wrinkles = Wrinkles(self.assets, texture_size)
        self.camera = Camera(self.assets)

    def sample(self, seed, **attributes):
        """Draws a new Person (persons.sample)."""
        return persons.sample(self.assets.ids, seed, **attributes)

    def person(self, p):
        """The Identity of a Person."""
        a, f = self.assets, np.float32
        v = np.tensordot(np.asarray(p.shape, f), a.shapes, 1) + np.tensordot(np.asarray(p.modes, f), a.modes, 1)
        v = v + f(p.age * .8) * a.age[1 if p.gender == "M" else 0]
        return Identity(p.name, np.ascontiguousarray(v, f), self.skins.texture(p))

    mix = staticmethod(head.mix)

    def scene(self, identity, units=None, gaze=(0., 0.)):
        """An identity with an expression (dict or 16-vector of units) and a gaze (yaw, pitch)."""
        return Scene(self.assets, identity, units if units is not None else {}, gaze, self.wrinkles)

    def render(self, scene, yaw=0., pitch=0., roll=0., light=None, size=128, whole_head=False, background=None, view=None, **options):
        """A picture of a scene; see Camera.render. background [size, size, 3] bytes or a grey level is put behind the head."""
        out = self.camera.render(scene, yaw, pitch, roll, light, size, view or (WHOLE_HEAD if whole_head else PATCH), **options)
        if background is not None:
            c = out["cover"][:, :, None] / 255.
            out["rgb"] = (out["rgb"] * c + np.asarray(background) * (1 - c) + .5).astype(np.uint8)
        return out
