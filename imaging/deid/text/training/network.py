"""The network: down to a quarter of the size, two steps further with dilated convolutions for context, and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _block(channels_in: int, channels_out: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class TextNet(nn.Module):
    """(N, 2, H, W) to logits (N, 1, H/4, W/4); H and W are multiples of 16. 152,353 parameters."""

    def __init__(self, a: int = 12, b: int = 24, c: int = 48) -> None:
        super().__init__()
        self.s1 = _block(2, a, 2)
        self.s2 = nn.Sequential(_block(a, b, 2), _block(b, b))
        self.s3 = nn.Sequential(_block(b, c, 2), _block(c, c), _block(c, c, 1, 2), _block(c, c, 1, 4))
        self.s4 = nn.Sequential(_block(c, c, 2), _block(c, c), _block(c, c, 1, 2))
        self.up4, self.up3 = nn.Conv2d(c, c, 1), nn.Conv2d(c, b, 1)
        self.mix, self.out = _block(b, b), nn.Conv2d(b, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.s2(self.s1(x))
        y = self.s3(x)
        y = y + functional.interpolate(self.up4(self.s4(y)), scale_factor=2.0, mode="nearest")
        x = x + functional.interpolate(self.up3(y), scale_factor=2.0, mode="nearest")
        return self.out(self.mix(x))


class Probability(nn.Module):
    """What is exported: probabilities (N, H/4, W/4)."""

    def __init__(self, network: TextNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        return torch.sigmoid(self.network(picture))[:, 0]
