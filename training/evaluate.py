#!/usr/bin/env python3
"""Measures an exported model on the held-out shard, with onnxruntime (no torch).

    python evaluate.py ../models/generator/ksnet256.fp16.onnx --data DIR [--recognizer sface.onnx] [--mesh face_mesh_478.onnx]

Prints JSON: PSNR and SSIM inside the mask and the mean error of alpha, for held-out conditions of the donors and for held-out mixtures;
holes in alpha; and with a recogniser (SFace: 112 x 112 RGB, 5-point alignment) the cosine between generated and rendered face, and how
constant mixtures of four stay over pose and expression; with a face mesh how far apart its points lie on generated and rendered faces.
"""
import argparse
import json
import pathlib
import time

import cv2
import numpy as np
import onnxruntime as ort

import conditions as cond
import shards
from make_head import project
from appearance.mesh import Mesh
from masks import holes

ARCFACE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32)
FIVE = ((33, 133), (362, 263), (4,), (61,), (291,))  # eyes (picture left first), nose tip, mouth corners, of the 468 points

HEAD = json.loads((pathlib.Path(__file__).resolve().parent.parent / "models" / "generator" / "head.json").read_text())


class Network:
    """A model as a function of condition rows [n, 96] to rgba [n, 4, size, size]."""

    def __init__(self, path, threads=2):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.size = self.session.get_outputs()[0].shape[-1]

    def __call__(self, rows):
        feed = {k: np.ascontiguousarray(v, np.float32) for k, v in cond.split(np.asarray(rows, np.float32)).items()}
        return self.session.run(None, feed)[0]

    def milliseconds(self, count=50):
        """Median time of one picture."""
        row, times = np.zeros((1, sum(s for _, s in cond.INPUTS)), np.float32), []
        for _ in range(count):
            t = time.perf_counter()
            self(row)
            times.append(time.perf_counter() - t)
        return float(np.median(times) * 1e3)


def ssim(a, b, window=8):
    """SSIM map of box windows, pictures [h, w, 3] in 0..1."""
    blur = lambda t: cv2.blur(t, (window, window))
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    return (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4))


def composite(rgb, alpha):
    return (rgb * alpha[..., None] + .46 * (1 - alpha[..., None])).astype(np.float32)


def embed(session, rgb, lm):
    """Unit embedding of a face with its 468 landmarks, picture in 0..1."""
    five = np.array([lm[list(i)].mean(0) for i in FIVE], np.float32)
    m, _ = cv2.estimateAffinePartial2D(five, ARCFACE, method=cv2.LMEDS)
    face = cv2.warpAffine((rgb * 255).astype(np.uint8), m, (112, 112))
    e = session.run(None, {session.get_inputs()[0].name: face.astype(np.float32).transpose(2, 0, 1)[None]})[0][0]
    return e / np.linalg.norm(e)


def mesh_points(mesh, rgb, lm):
    """The mesh's 468 face points on a picture in 0..1, started from its landmarks; None where it sees no face."""
    points, presence = mesh.find((rgb * 255).astype(np.uint8), np.array([lm[list(i)].mean(0) for i in FIVE], np.float64))
    return points[:468, :2] if presence > .5 else None


def measure(network, val, pick, recognizer=None, mesh=None):
    rows = {k: [] for k in ("psnr", "ssim", "alpha_error", "holes", "same", "other", "points", "found")}
    index, before = np.flatnonzero(pick), None
    for part in np.array_split(index, max(1, len(index) // 32)):
        for out, y, lm in zip(network(val["x"][part]), val["y"][part] / np.float32(255), val["lm"][part].astype(np.float32)):
            rgb, a, truth, mask = out[:3].transpose(1, 2, 0), out[3], y[..., :3], y[..., 3]
            rows["psnr"].append((((rgb - truth) ** 2) * mask[..., None]).sum() / (3 * mask.sum()))
            rows["ssim"].append((ssim(rgb, truth).mean(2) * mask).sum() / mask.sum())
            rows["alpha_error"].append(np.abs(a - mask).mean())
            rows["holes"].append(holes(a))
            if recognizer:
                g, t = embed(recognizer, composite(rgb, a), lm), embed(recognizer, composite(truth, mask), lm)
                rows["same"].append(g @ t)
                if before is not None:
                    rows["other"].append(g @ before)
                before = t
            if mesh:
                g, t = mesh_points(mesh, composite(rgb, a), lm), mesh_points(mesh, composite(truth, mask), lm)
                if t is not None:
                    rows["found"].append(g is not None)
                    if g is not None:
                        rows["points"].append(np.linalg.norm(g - t, axis=1).mean() / rgb.shape[0])
    out = {"pictures": len(index), "psnr_db": round(float(-10 * np.log10(np.mean(rows["psnr"]))), 2), "ssim": round(float(np.mean(rows["ssim"])), 4),
           "alpha_error": round(float(np.mean(rows["alpha_error"])), 5), "pixels_in_holes": int(np.sum(rows["holes"]))}
    if recognizer:
        out["cosine_to_render"] = [round(float(np.mean(rows[k])), 3) for k in ("same", "other")]
    if mesh:
        out["landmark_error_percent_of_patch"] = {"mean": round(float(np.mean(rows["points"])) * 100, 2), "p95": round(float(np.percentile(rows["points"], 95)) * 100, 2)}
        out["mesh_found_of_rendered"] = round(float(np.mean(rows["found"])), 4)
    return out


def constancy(network, recognizer, mixtures=12, views=12):
    """Mixtures of four in random poses (yaw +-40) and expressions: mean cosine of a picture to its mixture's mean, lowest such cosine, and
    highest cosine between two mixtures' means."""
    rng, means, own = np.random.default_rng(11), [], []
    points, centre = np.array(HEAD["points"]), np.array(HEAD["centre"])
    for _ in range(mixtures):
        mix, rows, five = cond.weights(rng.choice(cond.PROXIES, 4, replace=False)), [], []
        for _ in range(views):
            yaw, pitch = rng.uniform(-40, 40), rng.uniform(-20, 20)
            rows.append(cond.pack(mix, cond.expression(rng), cond.gaze(rng), yaw, pitch, np.array(HEAD["neutral_light"])))
            five.append(project(points, centre, HEAD["distance"], yaw, pitch) * network.size)
        e = np.array([embed(recognizer, composite(o[:3].transpose(1, 2, 0), o[3]), lm) for o, lm in zip(network(np.array(rows)), five)])
        m = e.mean(0) / np.linalg.norm(e.mean(0))
        means.append(m)
        own.extend(e @ m)
    between = np.array(means) @ np.array(means).T
    np.fill_diagonal(between, -1)
    return {"to_own_mean": round(float(np.mean(own)), 3), "lowest": round(float(np.min(own)), 3), "highest_between_mixtures": round(float(between.max()), 3)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model", type=pathlib.Path)
    p.add_argument("--data", type=pathlib.Path, required=True, help="directory with val-0000.npz")
    p.add_argument("--recognizer", type=pathlib.Path)
    p.add_argument("--mesh", type=pathlib.Path)
    o = p.parse_args()
    network = Network(o.model)
    val = shards.load(o.data / "val-0000.npz", network.size)
    recognizer = ort.InferenceSession(str(o.recognizer)) if o.recognizer else None
    mesh = Mesh(str(o.mesh)) if o.mesh else None
    mixed = val["x"][:, : cond.PROXIES].max(1) < .99
    figures = {name: measure(network, val, pick, recognizer, mesh) for name, pick in (("held_out_conditions", ~mixed), ("held_out_mixtures", mixed)) if pick.any()}
    figures["milliseconds"] = round(network.milliseconds(), 1)
    if recognizer:
        figures["constancy"] = constancy(network, recognizer)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
