"""Trains the regressor on shards of dataset.py, measures it on held-out identities, exports models/appearance."""
import argparse
import hashlib
import json
import pathlib
import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from .features import COORDINATES, FEATURES, Head, geometry, reference, relative, turn

UNIT_NAMES = ["smileClose", "smileOpen", "mouthOpen", "eyeClose", "eyeOpen", "squint", "browUp", "browDown",
              "browSad", "mouthSad", "disgust", "pucker", "stretch", "jawSide", "lipUp", "lipDown"]
HIDDEN = (128, 64)
GAZE, POSE = 30., 60.  # degrees that one unit of the network's last layer stands for
WEIGHT = np.array([1, 1, 2, 2, 1, 1, 1, 1, 1, 1, .7, 1, .7, .7, .7, .7] + [3, 3] + [12, 12], np.float32)

# Most units are off in most pictures: without more weight on those that are on, every doubt would end as "off". Units that the mesh hardly
# follows get none: for them "off" is the better guess, and noise on a still face the worse fault.
GAIN = np.array([2, 2, 2, 3, 0, 1.5, 1, 1, 1, 1.5, 1, 2, 1, 0, 2, 1.5] + [0] * 4, np.float32)


def load(folder, head):
    """Identities [n], geometry [n, FEATURES], targets [n, 20] (units, gaze, pose in the network's scale)."""
    parts = [np.load(f) for f in sorted(pathlib.Path(folder).glob("shard*.npz"))]
    cat = lambda k: np.concatenate([p[k] for p in parts])
    x = np.array([geometry(m, head.fit(m)) for m in cat("mesh")], np.float32)
    return cat("identity"), x, np.concatenate([cat("units"), cat("gaze") / GAZE, cat("pose")[:, :2] / POSE], 1).astype(np.float32)


class People:
    """The neutral faces of the training identities, and what they are good for: the network must not read a person's own shape as expression
    (a low brow as a frown, a thick lip as a pout). A third of the time it sees a geometry relative to the person's neutral face, a third of the time one
    moved to another person's."""

    def __init__(self, who, x, y):
        self.ids = np.unique(who)
        self.neutral = torch.tensor(np.array([reference(x[neutrals(who, y, i)]) for i in self.ids]), dtype=torch.float32)
        self.index = torch.tensor(np.searchsorted(self.ids, who))
        self.mean = self.neutral.mean(0)

    def draw(self, x, rows, noise=.002):
        """A batch as the network's first layer sees it: geometries of the mean face (relative) or of some person."""
        n, x = len(rows), x[rows].clone()
        own = self.neutral[self.index[rows]]
        other = self.neutral[torch.randint(len(self.ids), (n,))]
        kind = torch.rand(n, 1)
        target = torch.where(kind < .35, self.mean, torch.where(kind < .7, other, own))
        flaw = .15 * torch.rand(n, 1) * (self.neutral[torch.randint(len(self.ids), (n,))] - self.mean)  # no track gives a perfect reference
        x[:, :COORDINATES] += target - own + flaw + noise * torch.randn(n, COORDINATES)
        x[:, COORDINATES:-1] += .02 * torch.randn(n, 2)
        x[:, -1] = (kind[:, 0] < .35).float()
        return x


def neutrals(who, y, i):
    """Which rows show identity i with no expression, nearly from the front and looking ahead."""
    return (who == i) & (np.abs(y[:, :16]).sum(1) == 0) & (np.abs(y[:, 16:18]).sum(1) == 0) & (np.abs(y[:, 18]) < 30 / POSE)


def train(who, x, y, steps, seed=1, drop=.05, decay=5e-3):
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    people = People(who, x, y)
    mean, sd = x.mean(0), x.std(0) + 1e-3
    mean[-1], sd[-1] = .5, .5
    sizes = (x.shape[1], *HIDDEN, y.shape[1])
    net = torch.nn.Sequential(*[m for i in range(3) for m in (torch.nn.Linear(sizes[i], sizes[i + 1]), torch.nn.ReLU(), torch.nn.Dropout(drop))][:-2])
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=decay)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    tx, ty, tm, ts, w, tg = map(torch.tensor, (x, y, mean, sd, WEIGHT, GAIN))
    for _ in range(steps):
        k = torch.randint(len(tx), (256,))
        out = net((people.draw(tx, k) - tm) / ts)
        # The exported network clips units to 0..1: only what is left of a miss after that counts.
        low, high = (ty[k] <= 0) & (out < 0), (ty[k] >= 1) & (out > 1)
        unit = torch.zeros(20, dtype=torch.bool)
        unit[:16] = True
        miss = torch.where((low | high) & unit, .02 * (out - ty[k]), out - ty[k])
        on = 1 + ty[k].clamp(0) * tg
        loss = (torch.nn.functional.smooth_l1_loss(miss, torch.zeros_like(miss), reduction="none", beta=.5) * w * on).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        plan.step()
    layers = [(m.weight.detach().numpy().astype(np.float64), m.bias.detach().numpy().astype(np.float64)) for m in net if hasattr(m, "weight")]
    w0, b0 = layers[0]
    w, b = w0 / sd, b0 - w0 @ (mean / sd)  # the normalisation becomes part of the first layer,
    w[:, -1] += w[:, :COORDINATES] @ people.mean.numpy()  # and so does the mean face that relative geometries stand on
    layers[0] = (w, b)
    return layers


def export(layers, path):
    nodes, init, last = [], [], "geometry"
    for i, (w, b) in enumerate(layers):
        if i == len(layers) - 1:  # the last layer's scale is folded in
            k = np.r_[np.ones(16), GAZE, GAZE]  # the pose helps to train and is left out: features.turn follows small turns better
            w, b = w[:18] * k[:, None], b[:18] * k
        init += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"), numpy_helper.from_array(b.astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"g{i}"], transB=1))
        last = f"g{i}"
        if i < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [last], [f"r{i}"]))
            last = f"r{i}"
    init += [numpy_helper.from_array(np.array([16, 2], np.int64), "parts"), numpy_helper.from_array(np.float32(0), "zero"),
             numpy_helper.from_array(np.float32(1), "one")]
    nodes += [helper.make_node("Split", [last, "parts"], ["units", "gaze"], axis=1),
              helper.make_node("Clip", ["units", "zero", "one"], ["expression"])]
    info = lambda n, k: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", k])
    graph = helper.make_graph(nodes, "appearance", [info("geometry", FEATURES)], [info("expression", 16), info("gaze", 2)], init)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="ksamenet training")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def evaluate(path, who, x, y, lines):
    """Held-out figures: relative to the person's own neutral face (files, and streams after a while) and without it."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    known = x.copy()
    for i in np.unique(who):
        known[who == i] = relative(x[who == i], reference(x[neutrals(who, y, i)]))
    run = lambda g: session.run(["expression", "gaze"], {"geometry": g.astype(np.float32)})
    (e, g), (e0, g0) = run(known), run(x)
    rest = np.abs(y[:, :16]).sum(1) == 0
    lines += ["| unit | off: error | on (>= .3): error | correlation | neutral: 95 % | without reference: correlation | neutral: 95 % |",
              "|---|---|---|---|---|---|---|"]
    for i, n in enumerate(UNIT_NAMES):
        t, on = y[:, i], y[:, i] >= .3
        corr = lambda q: np.corrcoef(t, q[:, i])[0, 1]
        lines.append(f"| {n} | {np.abs(e[:, i] - t)[t == 0].mean():.3f} | {np.abs(e[:, i] - t)[on].mean():.3f} | {corr(e):.3f} | "
                     f"{np.quantile(e[rest, i], .95):.3f} | {corr(e0):.3f} | {np.quantile(e0[rest, i], .95):.3f} |")
    lines.append("")
    opened = y[:, 3] < .5
    for name, gg in (("With a reference", g), ("Without", g0)):
        eg = np.abs(gg - y[:, 16:18] * GAZE)[opened].mean(0)
        lines.append(f"{name}: gaze with open eyes {eg[0]:.2f}° yaw, {eg[1]:.2f}° pitch.")
        lines.append("")
    ref = np.abs(y[opened, 16:18] * GAZE).mean(0)
    lines.append(f"(An estimate of 0° would miss the gaze by {ref[0]:.2f}° and {ref[1]:.2f}°.)")
    ep, far = np.abs(turn(x) - y[:, 18:] * POSE), np.abs(y[:, 18] * POSE) > 55
    lines += ["", f"Head pose (features.turn): {ep[:, 0].mean():.2f}° yaw, {ep[:, 1].mean():.2f}° pitch; beyond 55° of yaw {ep[far, 0].mean():.2f}° and "
              f"{ep[far, 1].mean():.2f}°; 99 % within {np.quantile(ep[:, 0], .99):.1f}° and {np.quantile(ep[:, 1], .99):.1f}°."]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data")
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--steps", type=int, default=6000)
    o = p.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    who, x, y = load(o.data, Head())
    known = np.isin(who, [i for i in np.unique(who) if neutrals(who, y, i).any()])
    who, x, y = who[known], x[known], y[known]
    held = np.isin(who, np.unique(who)[::7])
    start = time.time()
    layers = train(who[~held], x[~held], y[~held], o.steps)
    seconds = time.time() - start
    path = o.out / "appearance.onnx"
    export(layers, path)
    data = path.read_bytes()
    tensor = lambda i, d, k: {"id": i, "type": "float32", "dims": [-1, k], "dir": d}
    manifest = {
        "format": 1, "name": "appearance", "role": "appearance", "file": path.name, "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "licence": "Apache-2.0",
        "source": {"steps": "training/appearance: python -m appearance.dataset, python -m appearance.train"},
        "notes": "Pose-normalised mesh geometry (core/landmark.Geometry) to the generator's units and gaze (degrees: yaw, pitch).",
        "tensors": [{**tensor("geometry", "input", FEATURES), "shapes": {"Min": [1, FEATURES], "Opt": [1, FEATURES], "Max": [64, FEATURES]}}, {**tensor("expression", "output", 16), "ranges": [0, 1]},
                    tensor("gaze", "output", 2)]}
    (o.out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    lines = [f"{len(np.unique(who[~held]))} identities, {(~held).sum()} meshes for training; {len(np.unique(who[held]))} other identities, "
             f"{held.sum()} meshes for the figures below. {o.steps} steps of 256, {seconds:.0f} s on one core.", ""]
    evaluate(path, who[held], x[held], y[held], lines)
    (o.out / "figures.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
