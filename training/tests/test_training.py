"""Tests of the training code that need no torch: numpy and OpenCV; the renderer's own need a C++ compiler, and the proxy assets.

    python -m unittest discover -s training/tests
"""
import importlib.util
import json
import os
import pathlib
import sys
import tempfile
import unittest

TRAINING = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TRAINING))
if any(importlib.util.find_spec(m) is None for m in ("numpy", "cv2")):
    raise unittest.SkipTest("numpy or OpenCV is missing")

import numpy as np  # noqa: E402

import conditions as cond  # noqa: E402
from masks import holes  # noqa: E402
if importlib.util.find_spec("onnxruntime"):
    import photos  # noqa: E402
from renderer import UNIT_NAMES, light, persons, prng  # noqa: E402
from renderer.head import UNITS, rotation  # noqa: E402

ASSETS = os.environ.get("KSAMENET_PROXY_ASSETS")
HEAD = TRAINING.parent / "models" / "generator" / "head.json"


class Conditions(unittest.TestCase):
    def test_mixture_is_exactly_uniform(self):
        rng = np.random.default_rng(1)
        for _ in range(200):
            ids = cond.mixture(rng)
            w = cond.weights(ids)
            self.assertEqual(len(set(ids)), len(ids))
            self.assertAlmostEqual(float(w.sum()), 1, places=6)
            self.assertEqual(set(np.flatnonzero(w)), set(ids))
            self.assertEqual(len(set(w[ids])), 1)

    def test_split_undoes_pack(self):
        row = cond.pack(cond.weights([3, 5]), np.linspace(0, 1, 16), (15, -30), 60, -30, np.arange(12))
        parts = cond.split(row[None])
        self.assertEqual({k: v.shape[1] for k, v in parts.items()}, dict(cond.INPUTS))
        np.testing.assert_allclose(parts["gaze"], [[1, -2]])
        np.testing.assert_allclose(parts["pose"], [[1, -1]])
        np.testing.assert_allclose(parts["light"], [np.arange(12)])

    def test_expressions_stay_in_range_and_do_not_contradict(self):
        rng, i = np.random.default_rng(2), UNIT_NAMES.index
        x = np.array([cond.expression(rng) for _ in range(2000)])
        self.assertTrue(((x >= 0) & (x <= 1)).all())
        self.assertFalse(((x[:, i("eyeOpen")] > .5) & (x[:, i("eyeClose")] > 0)).any())
        self.assertTrue((x > .5).any(0).all(), "a unit is never strong")

    def test_poses_and_gazes_keep_the_contract(self):
        rng = np.random.default_rng(3)
        for _ in range(500):
            yaw, pitch = cond.pose(rng)
            self.assertLessEqual(abs(yaw), 75)
            self.assertLessEqual(abs(pitch), 30)
            self.assertLessEqual(max(map(abs, cond.gaze(rng))), 30)


@unittest.skipUnless(importlib.util.find_spec("onnxruntime"), "onnxruntime is missing")
class Manifest(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as d:
            folder = pathlib.Path(d)
            (folder / "a.jpg").write_bytes(b"")
            (folder / "m.csv").write_text(text)
            return photos.read(folder / "m.csv")

    def test_donors_and_units(self):
        pictures, donors = self.read("file,identity,consent,age,MouthOpen\na.jpg,Ann,yes,.2,\na.jpg,Bo,Yes,,.5\na.jpg,Ann,yes,,\n")
        self.assertEqual([d["name"] for d in donors], ["Ann", "Bo"])
        self.assertEqual([d["age"] for d in donors], [.2, .5])
        self.assertEqual([(p.donor, p.units) for p in pictures], [(0, {}), (1, {"MouthOpen": .5}), (0, {})])

    def test_refuses(self):
        for text, reason in (
                ("file,identity,consent\na.jpg,Ann,yes\na.jpg,Bo,no\n", ":3: Bo: consent"),
                ("file,identity,consent\na.jpg,Ann,\n", ":2: Ann: consent"),
                ("file,identity\na.jpg,Ann\n", "no column consent"),
                ("file,identity,consent,smirk\na.jpg,Ann,yes,1\n", "unknown column smirk"),
                ("file,identity,consent,squint\na.jpg,Ann,yes,2\n", ":2: squint"),
                ("file,identity,consent,gender\na.jpg,Ann,yes,x\n", ":2: gender"),
                ("file,identity,consent\nb.jpg,Ann,yes\n", ":2: no file"),
                ("file,identity,consent\n", "0 identities"),
                ("file,identity,consent\n" + "".join(f"a.jpg,p{i},yes\n" for i in range(65)), "65 identities")):
            with self.assertRaises(photos.ManifestError) as e:
                self.read(text)
            self.assertIn(reason, str(e.exception))


class Geometry(unittest.TestCase):
    def test_signs(self):
        forward = np.array([0, 0, 1.])
        self.assertGreater((rotation(30, 0) @ forward)[0], 0)   # to the right of the picture
        self.assertLess((rotation(0, 20) @ forward)[1], 0)      # down (y is up here)
        up = rotation(0, 0, 20) @ np.array([0, 1., 0])
        self.assertLess(up[0], 0)                                # counter-clockwise

    def test_neutral_light_is_the_origin_of_exposure(self):
        x = light.NEUTRAL.label()
        self.assertAlmostEqual(float(x[0]), 0, places=5)
        self.assertLess(abs(float(x[3])), 1e-3, "the neutral light leans to a side")
        side = light.make(key_azimuth=50).label()
        self.assertGreater(side[3], .1)

    def test_details_do_not_depend_on_numpy(self):
        np.testing.assert_allclose(prng.uniform(7, 3), prng.uniform(7, 5)[:3])
        self.assertAlmostEqual(float(prng.uniform(1, 1000).mean()), .5, delta=.03)
        self.assertAlmostEqual(float(prng.normal(1, 1000).std()), 1, delta=.08)


class Donors(unittest.TestCase):
    def setUp(self):
        self.people = persons.load(TRAINING / "proxies64.json")

    def test_sixty_four_different_people(self):
        self.assertEqual(len(self.people), cond.PROXIES)
        self.assertEqual(len({p.name for p in self.people}), cond.PROXIES)
        self.assertEqual({p.gender for p in self.people}, {"F", "M"})
        self.assertEqual({p.tone_class for p in self.people}, {0, 1, 2})

    def test_the_sample_clips_cast_are_no_donors(self):
        cast = persons.load(TRAINING / "sample" / "cast.json")
        self.assertFalse({p.name for p in cast} & {p.name for p in self.people})

    def test_head_file_agrees(self):
        head = json.loads(HEAD.read_text())
        self.assertEqual(head["units"], list(UNITS))
        self.assertEqual([d["name"] for d in head["donors"]], [p.name for p in self.people])
        self.assertEqual(np.array(head["points"]).shape, (468, 3))
        np.testing.assert_allclose(head["neutral_light"], light.NEUTRAL.label(), atol=1e-5)


class Sample(unittest.TestCase):
    def test_truth_is_whole(self):
        t = json.loads((TRAINING.parent / "examples" / "sample" / "truth.json").read_text())
        self.assertEqual(len(t["faces"]), t["frames"])
        self.assertEqual(t["shots"][-1][1], t["frames"])
        seen = {}
        for n, (first, end) in enumerate(t["shots"]):
            for faces in t["faces"][first:end]:
                self.assertEqual(len({f["person"] for f in faces}), len(faces))
                for f in faces:
                    seen.setdefault(f["person"], set()).add(n)
                    x, y, w, h = f["box"]
                    for px, py in f["points"]:
                        self.assertTrue(x - .1 * w <= px <= x + 1.1 * w and y <= py <= y + h, f)
        self.assertEqual(set(seen), {p["id"] for p in t["people"]})
        self.assertTrue(all(len(s) >= 2 for s in seen.values()), "a person is in one shot only")


@unittest.skipUnless(ASSETS, "KSAMENET_PROXY_ASSETS is not set")
class Rendering(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from renderer import Renderer
        cls.renderer = Renderer(ASSETS)
        people = persons.load(TRAINING / "proxies64.json")
        cls.a, cls.b = (cls.renderer.person(p) for p in people[:2])

    def test_mask_covers_the_face_without_holes(self):
        for units, yaw, pitch in (({}, 0, 0), ({"MouthOpen": 1.}, 30, 10), ({"smileOpen": 1.}, -60, -20)):
            q = self.renderer.render(self.renderer.scene(self.a, units), yaw, pitch)
            alpha = q["alpha"] / 255.
            self.assertEqual(holes(alpha), 0)
            self.assertGreater((alpha > .5).mean(), .3)
            self.assertLess(max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()), .1)

    def test_a_mixture_of_one_is_that_one(self):
        m = self.renderer.mix([self.a])
        np.testing.assert_allclose(m.shape, self.a.shape, atol=1e-6)
        self.assertLessEqual(np.abs(m.texture.astype(int) - self.a.texture).max(), 2)

    def test_formula_of_the_head_file_holds(self):
        import make_head
        head = json.loads(HEAD.read_text())
        identities = [self.renderer.person(p) for p in persons.load(TRAINING / "proxies64.json")]
        scene = self.renderer.scene(self.renderer.mix(identities))
        q = self.renderer.render(scene, 35, -20)
        p = make_head.project(np.array(head["points"]), np.array(head["centre"]), head["distance"], 35, -20) * 128
        self.assertLess(np.abs(p - q["lm468"]).max(), .1)

    def test_same_input_same_bytes(self):
        shots = [self.renderer.render(self.renderer.scene(self.b, {"browUp": .5}, (5, 5)), 10, 5) for _ in range(2)]
        np.testing.assert_array_equal(shots[0]["rgb"], shots[1]["rgb"])
        np.testing.assert_array_equal(shots[0]["alpha"], shots[1]["alpha"])


if __name__ == "__main__":
    unittest.main()
