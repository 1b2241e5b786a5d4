#!/usr/bin/env python3
"""Trains the generator on rendered shards (dataset.py).

    python train.py --data DIR --run DIR --minutes 85 [--size 128] [--start WEIGHTS]

With --recognizer, a part of every batch shows one mixture several times, and a recogniser judges whether it is the person of its renders (recogniser.py).

The pictures' size is the network's, or twice that: the small network learns from the large one's pictures.

The learning rate follows a cosine over the given minutes of training time (interruptions do not count). The run directory holds
checkpoint.pt (written every few minutes; the run goes on from it), log.jsonl (losses and held-out measures) and nothing else. New
shards that appear in the data directory are picked up while it runs. Runs on CUDA when there is a GPU, else on the CPU in bfloat16.
"""
import argparse
import copy
import json
import math
import os
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F

import conditions as cond
import losses
import shards
from model import Generator, parameters
from recogniser import Persons, Recogniser

GROUP = 4          # pictures of one mixture that the recogniser compares
RECOGNISABLE = 50  # degrees of yaw beyond which a recogniser says little
YAW = sum(n for k, n in cond.INPUTS[: [k for k, _ in cond.INPUTS].index("pose")])
WINDOW_EDGE = 4  # pixels at a window's edge that its convolutions see less of than in the full picture


class Shards:
    """Pictures of a directory's shards in memory, at the given size; grows with the directory."""

    def __init__(self, directory, kind, size):
        self.directory, self.kind, self.size, self.names, self.parts, self.ends = directory, kind, size, set(), [], np.zeros(0, int)
        self.refresh()

    def refresh(self):
        for path in sorted(self.directory.glob(f"{self.kind}-*.npz")):
            if path.name not in self.names:
                self.parts.append(shards.load(path, self.size))
                self.names.add(path.name)
        self.ends = np.cumsum([len(p["x"]) for p in self.parts])
        self.groups = {}
        rows = np.concatenate([p["x"] for p in self.parts]) if self.parts else np.zeros((0, cond.PROXIES + 20), np.float32)
        for i in np.flatnonzero(np.abs(rows[:, YAW] * cond.YAW_UNIT) <= RECOGNISABLE):
            self.groups.setdefault(rows[i, : cond.PROXIES].tobytes(), []).append(i)
        self.groups = [g for g in self.groups.values() if len(g) >= GROUP]

    def one_mixture(self, rng):
        """A mixture's name and the indices of GROUP pictures of it."""
        group = self.groups[rng.integers(len(self.groups))]
        return group[0], rng.choice(group, GROUP, replace=False)

    def __len__(self):
        return int(self.ends[-1]) if len(self.ends) else 0

    def batch(self, index, device):
        """Inputs by name, rgb [n, 3, S, S] and alpha [n, 1, S, S] in 0..1, landmarks [n, 468, 2]."""
        rows = []
        for i in index:
            s = int(np.searchsorted(self.ends, i, side="right"))
            rows.append((self.parts[s], int(i - (self.ends[s - 1] if s else 0))))
        gather = lambda k: torch.from_numpy(np.stack([p[k][j] for p, j in rows])).to(device)
        y = gather("y").permute(0, 3, 1, 2).float().div_(255)
        x = {k: v.contiguous() for k, v in cond.split(gather("x")).items()}
        return x, y[:, :3], y[:, 3:], gather("lm").float()


def step_loss(model, x, rgb, alpha, lm, rng):
    """The loss of a batch. The large network is judged twice: on its picture of half size, and on a random window of its full picture, which
    holds most of the face's middle; that costs a third of judging the full picture, and its last convolutions see no farther anyway."""
    device = rgb.device.type
    size = rgb.shape[-1]
    weight = losses.region_weight(lm, size)
    with torch.autocast(device, dtype=torch.bfloat16):
        features, film = model.features(**x)
        half = model.preview(features) if hasattr(model, "preview") else None
        if half is None:
            logits = model.finish(features, film)
        else:
            side = size // 4
            v, u = (int(np.clip(round(rng.normal(side / 8, side / 32)) * 4, 0, side)) for _ in range(2))
            logits = model.finish(features[:, :, v: v + side, u: u + side], film)
    if half is None:
        return losses.total(logits.float(), rgb, alpha, weight)
    cut = lambda t: t[:, :, 2 * v + WINDOW_EDGE: 2 * (v + side) - WINDOW_EDGE, 2 * u + WINDOW_EDGE: 2 * (u + side) - WINDOW_EDGE]
    e = WINDOW_EDGE
    loss = losses.total(logits.float()[:, :, e:-e, e:-e], cut(rgb), cut(alpha), cut(weight))
    rgb, alpha, weight = (F.avg_pool2d(t, 2) for t in (rgb, alpha, weight))
    return loss + losses.total(half.float(), rgb, alpha, weight)


def group_loss(model, x, rgb, alpha, lm, mixture, persons, weight, rng):
    """The loss of pictures of one mixture, in full, with the recogniser's part; and that part."""
    with torch.autocast(rgb.device.type, dtype=torch.bfloat16):
        logits = model.finish(*model.features(**x)).float()
        apart, judgement = persons.apart(mixture, torch.sigmoid(logits), torch.cat([rgb, alpha], 1), lm, rng)
    return losses.total(logits, rgb, alpha, losses.region_weight(lm, rgb.shape[-1])) + weight * judgement, apart.item()


class Run:
    """Model, averaged model, optimiser and progress; saved and loaded as one file."""

    def __init__(self, directory, device, rate, size, start=None):
        self.path, self.log_path = directory / "checkpoint.pt", directory / "log.jsonl"
        self.model = Generator(size).to(device).to(memory_format=torch.channels_last)
        if start and not self.path.exists():
            self.model.load_state_dict(torch.load(start, map_location=device, weights_only=True))
        self.ema = copy.deepcopy(self.model).eval()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=rate, betas=(.9, .98))
        self.step, self.seconds = 0, 0.
        if self.path.exists():
            s = torch.load(self.path, map_location=device, weights_only=True)
            if s["size"] != size:
                raise ValueError(f"{self.path} is of size {s['size']}, not {size}")
            self.model.load_state_dict(s["model"])
            self.ema.load_state_dict(s["ema"])
            self.optimiser.load_state_dict(s["optimiser"])
            self.step, self.seconds = s["step"], s["seconds"]

    def save(self):
        tmp = self.path.with_suffix(".tmp")
        torch.save({"model": self.model.state_dict(), "ema": self.ema.state_dict(), "optimiser": self.optimiser.state_dict(),
                    "step": self.step, "seconds": self.seconds, "size": self.model.size}, tmp)
        os.replace(tmp, self.path)

    @torch.no_grad()
    def average(self, decay=.999):
        d = min(decay, (self.step + 1) / (self.step + 10))
        for p, q in zip(self.ema.parameters(), self.model.parameters()):
            p.lerp_(q, 1 - d)

    def log(self, **row):
        with open(self.log_path, "a") as f:
            f.write(json.dumps({"step": self.step, "seconds": round(self.seconds), **row}) + "\n")


def validate(model, shards, device):
    """Measures on held-out conditions of single proxies, and on held-out mixtures."""
    out = {}
    mixed = np.concatenate([p["x"][:, : cond.PROXIES].max(1) < .99 for p in shards.parts])
    for name, pick in (("conditions", ~mixed), ("mixtures", mixed)):
        if not pick.any():  # photographs show no mixtures
            continue
        rows = []
        for part in np.array_split(np.flatnonzero(pick), 8):
            x, rgb, alpha, _ = shards.batch(part, device)
            with torch.no_grad():
                rows.append(losses.measure(model(**x), rgb, alpha))
        out[name] = {k: round(float(np.mean([r[k] for r in rows])), 4) for k in rows[0]}
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, required=True)
    p.add_argument("--run", type=pathlib.Path, required=True)
    p.add_argument("--size", type=int, choices=(128, 256), default=256)
    p.add_argument("--start", type=pathlib.Path, help="weights to start from (a state_dict of the same network)")
    p.add_argument("--recognizer", type=pathlib.Path, help="SFace's ONNX file")
    p.add_argument("--constancy", type=float, default=1., help="weight of the recogniser's judgement")
    p.add_argument("--minutes", type=float, default=85)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--every", type=int, default=500, help="steps between validations")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    o.run.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Run(o.run, device, o.rate, o.size, o.start)
    train, val = (Shards(o.data, kind, o.size) for kind in ("train", "val"))
    persons = Persons(Recogniser(o.recognizer, device)) if o.recognizer else None
    rng = np.random.default_rng([o.seed, run.step])
    run.log(size=o.size, parameters=parameters(run.model), renders=len(train), held_out=len(val), device=str(device))
    last, saved, recent, apart = time.time(), time.time(), [], []
    while run.seconds < o.minutes * 60:
        rate = o.rate * min(1, (run.step + 1) / 200) * (.5 + .5 * math.cos(math.pi * run.seconds / (o.minutes * 60)) + .005)
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        alone = o.batch - (GROUP if persons else 0)
        loss = step_loss(run.model, *train.batch(rng.integers(len(train), size=alone), device), rng)
        if persons:
            mixture, pictures = train.one_mixture(rng)
            together, a = group_loss(run.model, *train.batch(pictures, device), mixture, persons, o.constancy, rng)
            loss = (loss * alone + together * GROUP) / o.batch
            apart.append(a)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"loss is {loss.item()} at step {run.step}")
        run.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.)
        run.optimiser.step()
        run.step += 1
        run.average()
        recent.append(loss.item())
        now = time.time()
        run.seconds, last = run.seconds + now - last, now
        if run.step % o.every == 0:
            judged = {"apart": round(float(np.mean(apart)), 4)} if apart else {}
            run.log(loss=round(float(np.mean(recent)), 4), **judged, renders=len(train), rate=round(rate, 6), **validate(run.ema, val, device))
            recent, apart = [], []
            train.refresh()
        if now - saved > 180:
            run.save()
            saved = now
    run.save()
    run.log(done=True, renders=len(train), **validate(run.ema, val, device))


if __name__ == "__main__":
    main()
