"""Losses and measures between a generated patch and its render. All take straight RGB in 0..1 and weigh by the face's mask."""
import torch
from torch.nn import functional as F

SSIM_C1, SSIM_C2 = .01 ** 2, .03 ** 2


def region_points(lm, side):
    """Centres [n, 3, 2] and radii [n, 3, 2] in pixels of eyes and mouth, from the 468 landmarks [n, 468, 2] of pictures of side x side."""
    eyes = [lm[:, i].mean(1) for i in ([33, 133, 159, 145], [263, 362, 386, 374])]
    mouth = lm[:, [61, 291, 0, 17]]
    size = (mouth.amax(1) - mouth.amin(1)) / 2
    radius = torch.stack([torch.full_like(size, side * 6 / 128), torch.full_like(size, side * 6 / 128), size.clamp(min=side / 32) + side / 128], 1)
    return torch.stack([*eyes, mouth.mean(1)], 1), radius


def region_weight(lm, size, gain=3.):
    """1 + gain on eyes and mouth with Gaussian fall-off: [n, 1, size, size]. They are small, and a viewer looks there first."""
    c, r = region_points(lm, size)
    p = torch.arange(size, dtype=torch.float32, device=lm.device) + .5
    g = torch.exp(-.5 * ((p - c[..., None]) / r[..., None]) ** 2)  # [n, 3, 2, size]
    return 1 + gain * torch.einsum("nry,nrx->nyx", g[:, :, 1], g[:, :, 0])[:, None].clamp(max=1)


def _steps(x):
    return x[:, :, 1:] - x[:, :, :-1], x[..., 1:] - x[..., :-1]


def ssim(a, b, window=8, stride=4):
    """Structural similarity (Wang et al. 2004) of box windows: a map [n, c, h, w]."""
    pool = lambda t: F.avg_pool2d(t, window, stride)
    ma, mb = pool(a), pool(b)
    va, vb, cov = pool(a * a) - ma * ma, pool(b * b) - mb * mb, pool(a * b) - ma * mb
    return (2 * ma * mb + SSIM_C1) * (2 * cov + SSIM_C2) / ((ma * ma + mb * mb + SSIM_C1) * (va + vb + SSIM_C2))


def total(logits, rgb, alpha, region):
    """The training loss: L1 and gradients on three scales (four at 256 pixels) inside the mask, structural similarity, mask cross-entropy."""
    # The compositor shows a soft margin beyond the mask: colours there must not be anything.
    out, weight = torch.sigmoid(logits[:, :3]), (alpha + .05) * region
    norm = weight.mean()
    loss = ((out - rgb).abs() * weight).mean() / norm * 3
    a, b, w = out, rgb, weight
    for scale in range(3 if rgb.shape[-1] <= 128 else 4):
        if scale:
            a, b, w = (F.avg_pool2d(t, 2) for t in (a, b, w))
        for da, db, ww in zip(_steps(a), _steps(b), (w[:, :, 1:], w[..., 1:])):
            loss = loss + ((da - db).abs() * ww).mean() / norm * 2
    s = F.avg_pool2d(weight, 8, 4)
    loss = loss + .3 * ((1 - ssim(out, rgb)) * s).mean() / s.mean()
    return loss + .5 * F.binary_cross_entropy_with_logits(logits[:, 3:], alpha)


@torch.no_grad()
def measure(out, rgb, alpha):
    """PSNR (dB) and SSIM inside the mask, mean absolute error of alpha."""
    mse = (((out[:, :3] - rgb) ** 2) * alpha).sum() / (alpha.sum() * 3)
    s = F.avg_pool2d(alpha, 8, 4)
    return {"psnr": float(-10 * torch.log10(mse)), "ssim": float((ssim(out[:, :3], rgb) * s).sum() / (s.sum() * 3)),
            "alpha": float((out[:, 3:] - alpha).abs().mean())}
