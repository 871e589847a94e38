"""Train the network that tells frontal chest radiographs from all else. See README.md for the exact command.

python -m imaging.quality.training.train INDEX NEGATIVES_CSV OUT
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imaging.phantoms import draw as drawn_chest
from imaging.quality.training.data import SIDE, Pictures, fitted, frontals, negatives
from imaging.quality.training.drawn import drawn

SIZE = 96
"""The network's input, in pixels."""


class Network(nn.Module):
    """(N, 1, 96, 96) float32, mean 0 and deviation 1 -> logits (N, 9): 3 views, inverted, mirrored, 4 quarter turns.

    The turns are those that the picture has made clockwise.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in (
            (1, 16, 5, 2), (16, 32, 3, 2), (32, 32, 3, 1), (32, 64, 3, 2), (64, 64, 3, 1),
            (64, 80, 3, 2), (80, 80, 3, 1),
        ):  # fmt: skip
            layers += [
                nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(80 * 6 * 6, 9)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.dropout(self.features(x).flatten(1), 0.4, self.training))


def changed(images: Tensor, inside: Tensor, random: torch.Generator, wild: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """(N, S, S) pictures in 0..1 and where they lie on their canvases -> (N, 1, SIZE, SIZE) inputs and what was done.

    A quarter turn, mirror and inversion by chance; small turns, shifts, scale, stretch, gamma, boxes, noise always.
    `wild` (N,) bool: pictures that are no radiographs are also cut to a part.
    """
    n = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=random)

    def chance(p: float) -> Tensor:
        return torch.rand(n, generator=random) < p

    turns = torch.where(chance(0.4), torch.randint(1, 4, (n,), generator=random), torch.zeros(n, dtype=torch.long))
    mirrored, inverted = chance(0.5), chance(0.3)
    angle = turns * (math.pi / 2) + uniform(-12, 12) * math.pi / 180
    scale = torch.exp(uniform(-0.3, 0.3)) * torch.where(wild & chance(0.5), uniform(0.35, 1), torch.ones(n))
    stretch = torch.exp(uniform(-0.15, 0.15))
    cos, sin, flip = torch.cos(angle), torch.sin(angle), torch.where(mirrored, -1.0, 1.0)
    # From output to input coordinates: turned back first, then scaled, then mirrored, as the picture itself lies.
    theta = torch.stack(
        [
            torch.stack([flip * scale * stretch * cos, flip * scale * stretch * sin, uniform(-0.12, 0.12)], 1),
            torch.stack([-scale / stretch * sin, scale / stretch * cos, uniform(-0.12, 0.12)], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [n, 2, SIZE, SIZE], align_corners=False)
    both = F.grid_sample(torch.stack([images, inside], 1), grid, align_corners=False)
    picture, covered = both[:, 0], both[:, 1]
    view = (slice(None), None, None)
    picture = torch.where(inverted[view], covered - picture, picture).clamp(0, 1)
    picture = picture ** torch.exp(0.35 * torch.randn(n, generator=random))[view]
    for _ in range(2):  # labels, boxes, plates
        rows, columns = torch.arange(SIZE)[None, :, None], torch.arange(SIZE)[None, None]
        top, left = uniform(0, SIZE)[view], uniform(0, SIZE)[view]
        box = (
            (rows >= top)
            & (rows < top + uniform(2, 22)[view])
            & (columns >= left)
            & (columns < left + uniform(2, 26)[view])
        )
        picture = torch.where(box & chance(0.25)[view], uniform(0, 1).round()[view].expand_as(picture), picture)
    picture = picture + uniform(0, 0.04)[view] * torch.randn(picture.shape, generator=random) * covered
    return standardised(picture)[:, None], {"turns": turns, "inverted": inverted, "mirrored": mirrored}


def standardised(pictures: Tensor) -> Tensor:
    """(N, S, S) to mean 0 and standard deviation 1 each, as in use."""
    mean, deviation = pictures.mean((1, 2), keepdim=True), pictures.std((1, 2), keepdim=True, correction=0)
    return (pictures - mean) / deviation.clamp(min=1e-6)


def tensors(pictures: Pictures) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(pictures.images).float() / 255, torch.from_numpy(pictures.inside).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="index.csv of a collection of frontal chest radiographs")
    parser.add_argument("negatives", type=Path, help="negatives.csv; its pictures lie in negatives/ beside it")
    parser.add_argument("out", type=Path, help="folder for view.pt and curve.csv")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    random, numbers = torch.Generator().manual_seed(args.seed), np.random.default_rng(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    chests = tensors(frontals(args.index, "train"))
    laterals, others = (tensors(part) for part in negatives(args.negatives, held_out=False))
    invented = torch.from_numpy(np.stack([drawn(numbers, SIDE) for _ in range(1500)])).float() / 255
    drawings = [
        (f"{seed}", drawn_chest(seed, disease=disease, size=(340, 310)).astype(np.float32))
        for seed in range(20)
        for disease in ("normal", "covid")
    ]
    phantoms = tensors(fitted(drawings))
    groups = [chests, phantoms, laterals, others, (invented, torch.ones_like(invented))]
    views, shares = [0, 0, 1, 2, 2], [30, 1, 12, 14, 7]
    print("pictures:", [len(images) for images, _ in groups], f"{time.process_time():.0f} s", flush=True)

    network = Network().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=args.steps, pct_start=0.1)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    with (args.out / "curve.csv").open("w", newline="") as file:
        curve = csv.writer(file)
        curve.writerow(["step", "loss", "cpu_seconds"])
        total = 0.0
        for step in range(1, args.steps + 1):
            images, inside, view = [], [], []
            for (pictures, covered), kind, share in zip(groups, views, shares, strict=True):
                chosen = torch.randint(len(pictures), (share,), generator=random)
                images.append(pictures[chosen])
                inside.append(covered[chosen])
                view += [kind] * share
            truth = torch.tensor(view)
            inputs, done = changed(torch.cat(images), torch.cat(inside), random, truth == 2)
            logits = network(inputs.contiguous(memory_format=torch.channels_last))
            radiograph, frontal = truth < 2, (truth == 0) & (done["turns"] == 0)
            loss = (
                F.cross_entropy(logits[:, :3], truth, label_smoothing=0.02)
                + F.binary_cross_entropy_with_logits(logits[radiograph, 3], done["inverted"][radiograph].float())
                + F.cross_entropy(logits[radiograph, 5:], done["turns"][radiograph], label_smoothing=0.02)
                + 0.5 * F.binary_cross_entropy_with_logits(logits[frontal, 4], done["mirrored"][frontal].float())
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            average.update_parameters(network)
            total += loss.item()
            if step % 100 == 0:
                curve.writerow([step, f"{total / 100:.4f}", f"{time.process_time():.0f}"])
                file.flush()
                total = 0.0
    torch.save(average.module.state_dict(), args.out / "view.pt")


if __name__ == "__main__":
    main()
