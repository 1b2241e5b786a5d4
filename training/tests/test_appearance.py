"""The Python twin of core/landmark's geometry against the golden vectors that the Go tests read. Needs numpy only."""
import importlib.util
import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))
if importlib.util.find_spec("numpy") is None:
    raise unittest.SkipTest("numpy is missing")

import numpy as np  # noqa: E402

from appearance import features  # noqa: E402


class Golden(unittest.TestCase):
    def setUp(self):
        self.cases = json.loads((ROOT / "core" / "landmark" / "testdata" / "golden.json").read_text())["cases"]
        self.assertGreaterEqual(len(self.cases), 3)
        self.head = features.Head()

    def test_fit_geometry_and_placement(self):
        for c in self.cases:
            mesh = np.array(c["mesh"]).reshape(-1, 3)
            fit = self.head.fit(mesh)
            np.testing.assert_allclose(fit[3], c["fit"], atol=1e-4)
            np.testing.assert_allclose(features.geometry(mesh, fit), c["geometry"], atol=1e-5)
            np.testing.assert_allclose(features.turn(c["geometry"]), c["turn"], atol=1e-3)
            np.testing.assert_allclose(features.opening(c["geometry"]), c["opening"], atol=1e-4)
            placement, residual = self.head.place(mesh, c["yaw"], c["pitch"])
            np.testing.assert_allclose([*placement, residual], [*c["placement"], c["residual"]], atol=1e-4)

    def test_relative_to_itself_is_zero_but_for_the_irises(self):
        g = np.array(self.cases[0]["geometry"])
        d = features.relative(g, features.reference([g]))
        moved = np.flatnonzero(np.abs(d[:features.COORDINATES]) > 1e-9) // 3
        self.assertTrue(all(92 <= k < 102 for k in moved), moved)
        self.assertEqual(d[-1], 1)
        self.assertEqual(d[-2], g[-2])


if __name__ == "__main__":
    unittest.main()
