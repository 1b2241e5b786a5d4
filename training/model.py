"""The generator: identity mix, expression, gaze, pose and light to an RGBA patch of 128 x 128.

A decoder from 4 x 4: the condition vector sets the start tensor and scales and shifts every stage (FiLM, Perez et al. 2018). Channels
change by 1 x 1 convolutions before the upsampling, where they are four times cheaper than after it; the last step to full size is a
pixel shuffle (Shi et al. 2016). The identity embedding is linear in the mix: a mixture's embedding is the mean of its proxies'.
"""
import torch
from torch import nn
from torch.nn import functional as F

from conditions import INPUTS

SIZE = 128
_SLOPE = .2


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
    def __init__(self, embedding=256, hidden=512, start=256, channels=((192, 1), (160, 1), (96, 2), (48, 3)), fine=16):
        super().__init__()
        sizes = dict(INPUTS)
        self.identity = nn.Linear(sizes["mix"], embedding, bias=False)
        rest = sum(sizes.values()) - sizes["mix"]
        self.trunk = nn.Sequential(nn.Linear(embedding + rest, hidden), nn.LeakyReLU(_SLOPE), nn.Linear(hidden, hidden), nn.LeakyReLU(_SLOPE),
                                   nn.Linear(hidden, hidden), nn.LeakyReLU(_SLOPE))
        self.start_channels = start
        self.start = nn.Linear(hidden, start * 16)
        self.narrow, self.stages, previous = nn.ModuleList(), nn.ModuleList(), start
        for c, convs in channels:
            self.narrow.append(nn.Conv2d(previous, c, 1))
            self.stages.append(Stage(c, convs))
            previous = c
        self.unfold = nn.Conv2d(previous, 4 * fine, 3, padding=1)
        self.fine = Stage(fine, 1)
        self.out = nn.Conv2d(fine, 4, 3, padding=1)
        self.film = nn.Linear(hidden, sum(s.film_size for s in [*self.stages, self.fine]))
        nn.init.normal_(self.identity.weight, std=1.)
        with torch.no_grad():
            self.film.weight.mul_(.3)
            self.film.bias.zero_()

    def logits(self, mix, expression, gaze, pose, light):
        """RGBA before the logistic function, [N, 4, 128, 128]."""
        h = self.trunk(torch.cat([self.identity(mix), expression, gaze, pose, light], 1))
        film, x, at = self.film(h), self.start(h).view(-1, self.start_channels, 4, 4), 0
        for narrow, stage in zip(self.narrow, self.stages):
            x = F.interpolate(narrow(x), scale_factor=2.0, mode="nearest")
            x = stage(x, film[:, at: at + stage.film_size])
            at += stage.film_size
        x = F.leaky_relu(F.pixel_shuffle(self.unfold(x), 2), _SLOPE)
        return self.out(self.fine(x, film[:, at:]))

    def forward(self, mix, expression, gaze, pose, light):
        """rgba [N, 4, 128, 128] in 0..1, straight sRGB."""
        return torch.sigmoid(self.logits(mix, expression, gaze, pose, light))


def parameters(model):
    return sum(p.numel() for p in model.parameters())
