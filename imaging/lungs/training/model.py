"""The network: a U-Net (Ronneberger et al. 2015) with SELU (Klambauer et al. 2017), as Prazuch et al. used it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONVENTIONS = ("full", "field")
"""The output channels: lung behind the heart included; the lung fields beside the heart only."""


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    # LeCun normal: what keeps SELU's activations self-normalising.
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)
    return layer


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(inputs, outputs), _convolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.selu(self.second(F.selu(self.first(x))))


class UNet(nn.Module):
    """(N, 1, S, S) float32, standardised -> (N, 2, S, S) logits; S a multiple of 2 ** (levels - 1)."""

    def __init__(self, base: int = 16, levels: int = 5) -> None:
        super().__init__()
        widths = [base * 2**level for level in range(levels)]
        self.down = nn.ModuleList(_Block(i, o) for i, o in zip([1, *widths[:-1]], widths, strict=True))
        self.lift = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(_Block(2 * w, w) for w in reversed(widths[:-1]))
        self.head = _convolution(base, len(CONVENTIONS), kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for skip, lift, block in zip(reversed(skips[:-1]), self.lift, self.up, strict=True):
            x = block(torch.cat([skip, lift(x)], dim=1))
        return self.head(x)


class Probabilities(nn.Module):
    """What is exported: the network with its sigmoid, 0..1 per pixel and convention."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.network(x))


def dice_loss(logits: Tensor, truth: Tensor, channel: Tensor) -> Tensor:
    """1 - soft Dice (Milletari et al. 2016), averaged over images, each on its own convention's channel.

    logits (N, 2, S, S); truth (N, S, S) in 0..1; channel (N,) int64, 0 or 1.
    """
    chosen = torch.sigmoid(logits[torch.arange(len(channel)), channel])
    overlap = (chosen * truth).sum(dim=(1, 2))
    return (1 - (2 * overlap + 1) / (chosen.sum(dim=(1, 2)) + truth.sum(dim=(1, 2)) + 1)).mean()
