"""make.py ASSETS: renders faces.jpg and truth.json, the picture of three synthetic heads that the face stages' tests look at.

Run with training/ on PYTHONPATH. The people are drawn from seeds that no donor uses.
"""
import json
import pathlib
import sys

import cv2
import numpy as np
from renderer import WHOLE_HEAD, Renderer, light

HERE = pathlib.Path(__file__).parent
HEADS = [  # seed, x, y (of the picture that the head fills), side, yaw, pitch, roll, units, gaze
    (7001, 20, 10, 340, 8, 0, 0, {"smileOpen": .5}, (0, 0)),
    (7004, 340, 90, 210, -28, 5, 12, {"mouthOpen": .6}, (10, 0)),
    (7003, 530, 180, 130, 0, -4, -8, {"eyeClose": 1.}, (0, 0)),
]


def main(assets):
    r, w, h = Renderer(assets), 640, 360
    yy, xx = np.mgrid[:h, :w] / np.array([h, w])[:, None, None]
    noise = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 60, (h, w, 3)), (0, 0), 9)
    picture = np.clip(np.stack([120 + 60 * xx, 130 + 40 * yy, 150 - 50 * xx * yy], 2) + noise, 0, 255).astype(np.uint8)
    truth = []
    for seed, x, y, side, yaw, pitch, roll, units, gaze in HEADS:
        units = {"MouthOpen" if k == "mouthOpen" else k: v for k, v in units.items()}
        s = r.scene(r.person(r.sample(seed, tone_class=2 if seed == 7004 else 0)), units, gaze)
        q = r.render(s, yaw, pitch, roll, light.NEUTRAL, side, view=WHOLE_HEAD)
        a = q["cover"][:, :, None] / 255.
        at = picture[y:y + side, x:x + side]
        a, rgb = a[:at.shape[0], :at.shape[1]], q["rgb"][:at.shape[0], :at.shape[1]]
        picture[y:y + side, x:x + side] = (rgb * a + at * (1 - a) + .5).astype(np.uint8)
        lm = q["lm468"] + [x, y]
        truth.append({"box": np.round([*lm.min(0), *lm.max(0)], 1).tolist(), "points": np.round(q["lm5"] + [x, y], 1).tolist(),
                      "yaw": yaw, "pitch": pitch, "roll": roll, "units": units, "gaze": list(gaze)})
    cv2.imwrite(str(HERE / "faces.jpg"), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    (HERE / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
