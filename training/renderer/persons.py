"""Synthetic people as parameters: what they are made of, how to draw new ones, how to freeze them to JSON."""
import dataclasses
import json
import pathlib

import numpy as np

# Skins by their file: apparent gender, tone class (0 light, 1 tan, 2 dark), and for MakeHuman the apparent age 0..1.
VALID_SKINS = {
    "AIAN_F_1": ("F", 1), "AIAN_M_1": ("M", 1), "AIAN_M_2": ("M", 1), "Asian_F_1": ("F", 0), "Asian_F_3": ("F", 0), "Asian_M_1": ("M", 0),
    "Asian_M_3": ("M", 0), "Black_F_1": ("F", 2), "Black_F_2": ("F", 2), "Black_M_1": ("M", 2), "Black_M_2": ("M", 2), "Black_M_3": ("M", 2),
    "Hispanic_F_1": ("F", 1), "Hispanic_F_2": ("F", 1), "Hispanic_M_1": ("M", 1), "Hispanic_M_3": ("M", 1), "MENA_F_1": ("F", 0),
    "MENA_M_1": ("M", 0), "MENA_M_2": ("M", 0), "MENA_M_3": ("M", 0), "NHPI_M_1": ("M", 1), "NHPI_M_2": ("M", 1), "White_F_1": ("F", 0),
    "White_F_2": ("F", 0), "White_M_1": ("M", 0), "White_M_2": ("M", 0), "X_AIAN_F_1": ("F", 1), "X_AIAN_M_1": ("M", 1),
    "X_MENA_F_1": ("F", 0), "X_NHPI_F_1": ("F", 1), "X_NHPI_F_2": ("F", 1), "X_NHPI_F_3": ("F", 1)}
MAKEHUMAN_SKINS = {
    "yLm": ("M", 0, 0), "yLm2": ("M", 0, 0), "yLf2": ("F", 0, 0), "yDm": ("M", 2, 0), "mLm": ("M", 0, .45), "mLf2": ("F", 0, .45),
    "mDm": ("M", 2, .45), "mDf": ("F", 2, .45), "oLm2": ("M", 1, 1), "oDm": ("M", 2, 1), "oDf": ("F", 2, 1), "mEf": ("F", 0, .45),
    "oEf": ("F", 0, 1), "oEm": ("M", 1, 1), "yEf": ("F", 0, 0)}


@dataclasses.dataclass
class Person:
    """One synthetic person. name is unique; shape: weights of the 42 heads; modes: 60 shape modes; skins: (skin, weight) list;
    brow: skin whose eyebrows are worn, brow_gain: their density; tone: log exposure, warmth, tint; lip: lightness, redness;
    freckles 0..; iris: hue, saturation, value in 0..1; moles: (x, y, sigma) in 0..1 of the face crop and crop pixels;
    age 0..1 (0 about 20 years, 1 about 70); tone_class 0 light, 1 tan, 2 dark; detail: seed of the fine texture."""
    name: str
    gender: str
    tone_class: int
    age: float
    shape: list
    modes: list
    skins: list
    brow: str
    brow_gain: float
    tone: list
    lip: list
    freckles: float
    iris: list
    moles: list
    detail: int

    def metadata(self):
        """What the donor pools are chosen by."""
        return {"gender": self.gender, "age": round(self.age, 2), "tone": self.tone_class}


def sample(ids, seed, gender=None, tone_class=None, age=None):
    """Draws a person. ids: the avatars' names in the order of Assets.ids. The three options fix an attribute."""
    r = np.random.default_rng([7, seed])
    g = gender or ("F" if r.random() < .5 else "M")
    tone = int(r.choice([0, 0, 1, 1, 2])) if tone_class is None else tone_class
    years = float(r.choice([0, .25, .5, .8, 1], p=[.34, .2, .2, .16, .1])) if age is None else age
    pool = np.flatnonzero([("_M_" in i) == (g == "M") for i in ids])
    alike = [i for i in pool if VALID_SKINS.get(ids[i], ("", 9))[1] == tone] or list(pool)
    heads = [r.choice(alike)] + list(r.choice(pool, 2, replace=False))
    w = np.zeros(len(ids))
    for i, x in zip(heads, r.dirichlet([1.6, .7, .5])):
        w[i] += x
    mean = np.zeros(len(ids))
    mean[pool] = 1 / len(pool)
    w = mean + (w - mean) * r.uniform(.7, 1.15)
    modes = np.clip(r.normal(0, .75, 60), -1.7, 1.7)
    modes[0] *= .6
    skins = [s for s, (gg, t) in VALID_SKINS.items() if gg == g and t == tone]
    skins += [s for s, (gg, t, a) in MAKEHUMAN_SKINS.items() if gg == g and t == tone and a <= years + .3]
    worn = [(str(r.choice(skins)), 1.)]
    if r.random() < .55:
        second, x = str(r.choice(skins)), r.uniform(.5, .85)
        worn = [(worn[0][0], x), (second, 1 - x)]
    brow = str(r.choice([s for s, (gg, _) in VALID_SKINS.items() if gg == g]))
    gain, shade = r.uniform(.7, 1.15), r.normal(0, [.10, .03, .035])
    lip = (r.uniform(-.25, .2), r.uniform(-.1, .25) if g == "F" else 0.)
    freckles = float(max(0, r.normal(-.2, .5))) if tone == 0 else 0.
    iris = (r.uniform(0, 1) if tone == 0 else r.choice([0, .65]), r.uniform(.5, 1), r.uniform(.6, 1.4))
    moles = [(r.uniform(.2, .8), r.uniform(.2, .8), r.uniform(1.5, 3.2)) for _ in range(r.integers(0, 4))]
    return Person(f"p{seed}", g, tone, years, w.tolist(), modes.tolist(), worn, brow, float(gain), shade.tolist(), list(map(float, lip)),
                  freckles, list(map(float, iris)), [list(map(float, m)) for m in moles], seed)


def freeze(people, path, digits=6):
    """Writes people to a JSON file, one per line."""
    def rounded(x):
        if isinstance(x, float):
            return round(x, digits)
        return [rounded(y) for y in x] if isinstance(x, (list, tuple)) else x
    rows = [json.dumps({k: rounded(v) for k, v in dataclasses.asdict(p).items()}) for p in people]
    pathlib.Path(path).write_text('{"format": 1, "people": [\n' + ",\n".join(rows) + "\n]}\n")


def load(path):
    """Reads people that freeze wrote."""
    d = json.loads(pathlib.Path(path).read_text())
    if d.get("format") != 1:
        raise ValueError(f"{path}: format {d.get('format')}, want 1")
    return [Person(**p) for p in d["people"]]
