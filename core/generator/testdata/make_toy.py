"""Writes toy.onnx: a generator of the product's interface, 64 donors and 64 x 64 texels, with random weights.

Its layers are of the kinds of the real network (products, 3 x 3 convolutions, doubling), so that the order in which an engine sums
can be tested; its alpha is an ellipse that the inputs nudge. Needs torch and onnx.
"""
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(7)
INPUTS = {"mix": 64, "expression": 16, "gaze": 2, "pose": 2, "light": 12}


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(sum(INPUTS.values()), 48)
        self.start = nn.Linear(48, 16 * 16)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((16, 16), (16, 16), (16, 12), (12, 8)))
        self.out = nn.Conv2d(8, 4, 3, padding=1)
        y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
        self.register_buffer("oval", (12 * (1 - (x / .72) ** 2 - (y / .9) ** 2))[None, None])

    def forward(self, mix, expression, gaze, pose, light):
        h = F.leaky_relu(self.fc(torch.cat([4 * mix, expression, gaze, pose, light], 1)), .2)
        x = self.start(h).view(-1, 16, 4, 4)
        for conv in self.convs:
            x = F.leaky_relu(conv(F.interpolate(x, scale_factor=2., mode="nearest")), .2)
        x = 3 * self.out(x)
        return torch.sigmoid(torch.cat([x[:, :3], self.oval + .2 * x[:, 3:]], 1))


model = Toy().eval()
args = tuple(torch.zeros(1, n) for n in INPUTS.values())
torch.onnx.export(model, args, str(pathlib.Path(__file__).with_name("toy.onnx")), dynamo=False, opset_version=17, input_names=list(INPUTS),
                  output_names=["rgba"], dynamic_axes={n: {0: "N"} for n in [*INPUTS, "rgba"]})
