"""The generator: identity mix, expression, gaze, pose and light to an RGBA patch of 256 x 256 or, leaner, of 128 x 128 for small faces.

A decoder from 4 x 4: the condition vector sets the start tensor and scales and shifts every stage (FiLM, Perez et al. 2018). Up to 64 x 64,
channels change by 1 x 1 convolutions before the upsampling, where they are four times cheaper than after it; the steps to full size are
pixel shuffles (Shi et al. 2016). The identity embedding is linear in the mix: a mixture's embedding is the mean of its proxies'.
"""
import torch
from torch import nn
from torch.nn import functional as F

from conditions import INPUTS

_SLOPE = .2
# channels and convolutions of the stages at 8, 16, 32 and 64 pixels, then of those after each pixel shuffle. Sized by time: 12 ms for a
# patch of 256, 4 ms for one of 128, on two AVX-512 cores with ONNX Runtime.
WIDTHS = {256: (((192, 1), (160, 1), (96, 2), (48, 2)), ((20, 1), (8, 1))),
          128: (((192, 1), (128, 1), (80, 1), (40, 1)), ((8, 1),))}


class Stage(nn.Module):
    """Convolutions of one resolution; the second of two is residual."""

    def __init__(self, channels, convs):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(convs))
        self.channels = channels
        self.film_size = 2 * channels * convs

    def forward(self, x, film):
        for i, conv in enumerate(self.convs):
            a, b = film[:, 2 * i * self.channels: 2 * (i + 1) * self.channels, None, None].chunk(2, 1)
            y = F.leaky_relu(conv(x) * (1 + a) + b, _SLOPE)
            x = y if i == 0 else x + y
        return x


class Generator(nn.Module):
    def __init__(self, size=256, embedding=256, hidden=512, start=256):
        super().__init__()
        self.size = size
        trunk, shuffled = WIDTHS[size]
        sizes = dict(INPUTS)
        self.identity = nn.Linear(sizes["mix"], embedding, bias=False)
        rest = sum(sizes.values()) - sizes["mix"]
        self.trunk = nn.Sequential(nn.Linear(embedding + rest, hidden), nn.LeakyReLU(_SLOPE), nn.Linear(hidden, hidden), nn.LeakyReLU(_SLOPE),
                                   nn.Linear(hidden, hidden), nn.LeakyReLU(_SLOPE))
        self.start_channels = start
        self.start = nn.Linear(hidden, start * 16)
        self.narrow, self.unfold, self.stages, previous = nn.ModuleList(), nn.ModuleList(), nn.ModuleList(), start
        for c, convs in trunk:
            self.narrow.append(nn.Conv2d(previous, c, 1))
            self.stages.append(Stage(c, convs))
            previous = c
        for c, convs in shuffled:
            self.unfold.append(nn.Conv2d(previous, 4 * c, 3, padding=1))
            self.stages.append(Stage(c, convs))
            previous = c
        self.out = nn.Conv2d(previous, 4, 3, padding=1)
        if len(shuffled) > 1:  # a picture of half the size, for training alone
            self.preview = nn.Conv2d(shuffled[-2][0], 4, 3, padding=1)
        self.film = nn.Linear(hidden, sum(s.film_size for s in self.stages))
        nn.init.normal_(self.identity.weight, std=1.)
        with torch.no_grad():
            self.film.weight.mul_(.3)
            self.film.bias.zero_()

    def features(self, mix, expression, gaze, pose, light):
        """What the last pixel shuffle starts from, [N, C, size / 2, size / 2], and the last stage's FiLM."""
        h = self.trunk(torch.cat([self.identity(mix), expression, gaze, pose, light], 1))
        films = self.film(h).split([s.film_size for s in self.stages], 1)
        x, shallow = self.start(h).view(-1, self.start_channels, 4, 4), len(self.narrow)
        for narrow, stage, film in zip(self.narrow, self.stages, films):
            x = stage(F.interpolate(narrow(x), scale_factor=2.0, mode="nearest"), film)
        for unfold, stage, film in zip(self.unfold[:-1], self.stages[shallow:-1], films[shallow:-1]):
            x = stage(F.leaky_relu(F.pixel_shuffle(unfold(x), 2), _SLOPE), film)
        return x, films[-1]

    def finish(self, x, film):
        """RGBA before the logistic function, [N, 4, h, w], of features or of a window of them [N, C, h / 2, w / 2]."""
        return self.out(self.stages[-1](F.leaky_relu(F.pixel_shuffle(self.unfold[-1](x), 2), _SLOPE), film))

    def forward(self, mix, expression, gaze, pose, light):
        """rgba [N, 4, size, size] in 0..1, straight sRGB."""
        return torch.sigmoid(self.finish(*self.features(mix, expression, gaze, pose, light)))


def parameters(model):
    return sum(p.numel() for p in model.parameters())
