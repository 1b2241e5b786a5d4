#!/usr/bin/env python3
"""Renders the training set: shards of pictures with their conditions.

    python dataset.py --out DIR --renders 20000 --worker 0/2 &  python dataset.py --out DIR --renders 20000 --worker 1/2

A shard is an .npz with x [n, 96] float32 (conditions.pack), y [n, S, S, 4] bytes (straight sRGB and alpha), lm [n, 468, 2] float16
(pixels). val-*.npz: held-out expressions and poses of the 64 proxies, and held-out mixtures (rows with a mix entry < 1).
The same seed gives the same set; a shard that exists is not rendered again.
"""
import argparse
import pathlib
import time

import cv2
import numpy as np

import conditions as cond
from renderer import Renderer, persons
from renderer.skin import log_texture

HERE = pathlib.Path(__file__).parent
SHARD, VIEWS, ONE_HOT = 240, 2, .4
VALIDATION = 2 * cond.PROXIES  # pictures each of one-hots and of mixtures


class Proxies:
    """The 64 identities and their log textures, kept on disk and mapped: all workers share the memory."""

    def __init__(self, renderer, people, cache):
        self.renderer, self.people = renderer, people
        self.identities = [None] * len(people)
        n = renderer.skins.size
        self.cache = cache / f"logtex-{n}.npy"
        if not self.cache.exists():
            tmp = cache / f".logtex-{time.time_ns()}.npy"
            a = np.lib.format.open_memmap(tmp, "w+", np.float16, (len(people), n, n, 3))
            for i in range(len(people)):
                a[i] = log_texture(self.identity(i).texture)
            a.flush()
            tmp.rename(self.cache)
        self.logs = np.load(self.cache, mmap_mode="r")

    def identity(self, i):
        if self.identities[i] is None:
            self.identities[i] = self.renderer.person(self.people[i])
        return self.identities[i]

    def mixture(self, indices):
        return self.renderer.mix([self.identity(i) for i in indices], logs=[self.logs[i] for i in indices])


def shoot(renderer, identity, indices, rng, scenes, views, size):
    """scenes x views pictures of one identity."""
    for _ in range(scenes):
        units, gaze = cond.expression(rng), cond.gaze(rng)
        scene = renderer.scene(identity, units, gaze)
        for _ in range(views):
            yaw, pitch = cond.pose(rng)
            q = renderer.render(scene, yaw, pitch, light=cond.illumination(rng), size=size)
            yield (cond.pack(cond.weights(indices), units, gaze, yaw, pitch, q["light"]), np.dstack([q["rgb"], q["alpha"]]),
                   q["lm468"].astype(np.float16))


def shard(proxies, rng, count, size):
    """A shard with the set's share of one-hots and mixtures."""
    rows = []
    while len(rows) < count * ONE_HOT:
        i = int(rng.integers(len(proxies.people)))
        rows += shoot(proxies.renderer, proxies.identity(i), [i], rng, 1, VIEWS, size)
    while len(rows) < count:
        ids = cond.mixture(rng)
        rows += shoot(proxies.renderer, proxies.mixture(ids), ids, rng, 5, VIEWS, size)
    return rows


def validation(proxies, rng, size):
    """Unseen expressions and poses of every proxy, then unseen mixtures."""
    rows = []
    for i in range(len(proxies.people)):
        rows += shoot(proxies.renderer, proxies.identity(i), [i], rng, 2, 1, size)
    while len(rows) < 2 * VALIDATION:
        ids = cond.mixture(rng)
        rows += shoot(proxies.renderer, proxies.mixture(ids), ids, rng, 2, 1, size)
    return rows


def save(path, rows):
    x, y, lm = zip(*rows)
    tmp = path.with_name("." + path.name)
    with open(tmp, "wb") as f:
        np.savez(f, x=np.array(x), y=np.array(y), lm=np.array(lm))
    tmp.rename(path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets", help="proxy assets (default: $KSAMENET_PROXY_ASSETS)")
    p.add_argument("--people", type=pathlib.Path, default=HERE / "proxies64.json")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--renders", type=int, default=20000)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--worker", default="0/1", help="i/n: renders every n-th shard")
    o = p.parse_args()
    cv2.setNumThreads(1)
    o.out.mkdir(parents=True, exist_ok=True)
    worker, workers = map(int, o.worker.split("/"))
    proxies = Proxies(Renderer(o.assets), persons.load(o.people), o.out)
    jobs = [("val", 0)] + [("train", s) for s in range(-(-o.renders // SHARD))]
    start = time.time()
    for n, (kind, s) in enumerate(jobs):
        path = o.out / f"{kind}-{s:04d}.npz"
        if n % workers != worker or path.exists():
            continue
        rng = np.random.default_rng([o.seed, {"val": 1, "train": 2}[kind], s])
        save(path, validation(proxies, rng, o.size) if kind == "val" else shard(proxies, rng, SHARD, o.size))
        print(f"{path.name} {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
