"""A face recogniser (SFace) as a training loss: a mixture must look like one person, that of its renders, in every
pose and expression.

The weights of the recogniser are not changed and nothing of it is exported. Source of the idea: identity losses of face synthesis (Deng et al.,
"Disentangled and Controllable Face Image Generation via 3D Imitative-Contrastive Learning", CVPR 2020, 3.2).
"""
import numpy as np
import onnx
import torch
from onnx2torch import convert
from torch.nn import functional as F

SIDE = 112
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32)
FIVE = ((33, 133), (362, 263), (4,), (61,), (291,))  # eyes (picture left first), nose tip, mouth corners, of the 468 points


def five_points(lm):
    """[n, 5, 2] of the 468 landmarks [n, 468, 2]."""
    return torch.stack([lm[:, list(i)].mean(1) for i in FIVE], 1)


def similarity(source, target):
    """Least-squares similarities [n, 2, 3] that take source points to target points [n, m, 2] (Umeyama 1991, without reflection)."""
    ms, mt = source.mean(1, keepdim=True), target.mean(1, keepdim=True)
    s, t = source - ms, target - mt
    norm = (s * s).sum((1, 2))
    a = (s * t).sum((1, 2)) / norm
    b = (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(1) / norm
    m = torch.stack([torch.stack([a, -b], 1), torch.stack([b, a], 1)], 1)
    return torch.cat([m, (mt.transpose(1, 2) - m @ ms.transpose(1, 2))], 2)


class Recogniser:
    """SFace from its ONNX file (112 x 112 RGB, 0..255, five-point alignment)."""

    def __init__(self, path, device):
        graph = onnx.load(path)
        constants = {i.name for i in graph.graph.initializer}
        for i in [i for i in graph.graph.input if i.name in constants]:  # old exporters list weights as inputs too
            graph.graph.input.remove(i)
        self.net = convert(graph).eval().requires_grad_(False).to(device)

    def embed(self, rgb, lm, rng):
        """Unit embeddings [n, d] of pictures [n, 3, S, S] in 0..1 with their landmarks. Every crop lies a little off, as a detector's do: the
        network shall not learn to please one sampling grid."""
        n, size = len(rgb), rgb.shape[-1]
        jitter = torch.from_numpy(rng.normal(0, 1.2, (n, 5, 2)).astype(np.float32)).to(lm.device)
        m = similarity(torch.from_numpy(TEMPLATE).to(lm.device).expand(n, 5, 2), five_points(lm) + jitter * size / 256)  # crop to patch
        p = torch.arange(SIDE, dtype=torch.float32, device=lm.device)
        y, x = torch.meshgrid(p, p, indexing="ij")
        with torch.autocast(lm.device.type, enabled=False):  # bfloat16 is too coarse for positions
            grid = torch.einsum("nij,hwj->nhwi", m, torch.stack([x, y, torch.ones_like(x)], -1))
            crop = F.grid_sample(rgb, (2 * grid + 1) / size - 1, align_corners=False)
        return F.normalize(self.net(crop * 255).float(), dim=1)


def before(rgba, rng):
    """Pictures [n, 4, S, S] in front of plain colours, another for each: [n, 3, S, S]."""
    back = torch.from_numpy(rng.uniform(.1, .9, (len(rgba), 3, 1, 1)).astype(np.float32)).to(rgba.device)
    return rgba[:, :3] * rgba[:, 3:] + back * (1 - rgba[:, 3:])


class Persons:
    """Who the mixtures are for the recogniser: the mean of the embeddings of each one's renders, over those that it was shown.

    The mean of the network's own pictures would do for constancy alone, but draws all mixtures together (tried: between the means of two mixtures the
    cosine rose from .87 to .95); being near to one's own renders and no nearer to those of others keeps them apart."""

    OTHERS, SHARPNESS, SHARE = 63, .07, .05  # people to be told from, temperature, and weight of it

    def __init__(self, recogniser):
        self.recogniser, self.sums = recogniser, {}

    def apart(self, mixture, out, truth, lm, rng):
        """How far pictures out of one mixture are from it: root of the mean square of 1 - cosine; and the loss, to which the confusion
        with other mixtures adds (cross-entropy of a softmax over cosines). truth: the renders; both [n, 4, S, S]."""
        with torch.no_grad():
            self.sums[mixture] = self.sums.get(mixture, 0) + self.recogniser.embed(before(truth, rng), lm, rng).sum(0)
        names = [n for n in self.sums if n != mixture]
        if len(names) > self.OTHERS:
            names = [names[i] for i in rng.choice(len(names), self.OTHERS, replace=False)]
        cosine = self.recogniser.embed(before(out, rng), lm, rng) @ F.normalize(torch.stack([self.sums[n] for n in (mixture, *names)]), dim=1).T
        far = (1 - cosine[:, 0]).square().mean().sqrt()
        confusion = F.cross_entropy(cosine / self.SHARPNESS, torch.zeros(len(cosine), dtype=torch.long, device=cosine.device))
        return far, far + self.SHARE * confusion
