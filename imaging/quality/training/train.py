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
COARSE = 96
"""What was cut off is counted on a grid of this many points a side."""
CUT, WHOLE = 0.06, 0.02
"""More than this share of the lungs is cut off at a side; less is not. What lies between teaches nothing."""


class Network(nn.Module):
    """(N, 1, 96, 96) float32, mean 0 and deviation 1 -> logits (N, 13): 3 views, inverted, mirrored, 4 quarter turns, 4
    sides (left, right, top, bottom) at which the lungs are cut off.

    The turns are those that the picture has made clockwise; the sides are those of the picture as it lies.
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
        self.head = nn.Linear(80 * 6 * 6, 13)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.dropout(self.features(x).flatten(1), 0.4, self.training))


def changed(
    pictures: Tensor, random: torch.Generator, depth: Tensor, *, boxes: int = 2
) -> tuple[Tensor, dict[str, Tensor]]:
    """(N, 3, S, S) pictures in 0..1, where they lie on their canvases and where their lungs lie -> (N, 1, SIZE, SIZE)
    inputs and what was done to them.

    A quarter turn, mirror and inversion by chance; half of the pictures are cut, see `cropped`; small turns, stretch,
    gamma, `boxes`, noise always. depth: (N,), how much of a picture may be cut off at a side.
    """
    n = len(pictures)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=random)

    def chance(p: float) -> Tensor:
        return torch.rand(n, generator=random) < p

    turns = torch.where(chance(0.4), torch.randint(1, 4, (n,), generator=random), torch.zeros(n, dtype=torch.long))
    mirrored, inverted = chance(0.5), chance(0.3)
    angle = turns * (math.pi / 2) + uniform(-12, 12) * math.pi / 180
    stretch = torch.exp(uniform(-0.15, 0.15))
    cos, sin, flip = torch.cos(angle), torch.sin(angle), torch.where(mirrored, -1.0, 1.0)
    # From output to input coordinates: turned back first, then stretched, then mirrored, as the picture itself lies.
    linear = torch.stack(
        [
            torch.stack([flip * stretch * cos, flip * stretch * sin], 1),
            torch.stack([-1 / stretch * sin, 1 / stretch * cos], 1),
        ],
        1,
    )
    box, lost = cropped(pictures, linear, random, depth)
    centre = box.mean(2) + uniform(-0.02, 0.02, 2)
    half = (box[:, :, 1] - box[:, :, 0]).amax(1) / 2 * torch.exp(uniform(-0.02, 0.08))
    theta = torch.cat([linear * half[:, None, None], (linear @ centre[:, :, None])], 2)
    both = F.grid_sample(
        pictures[:, :2], F.affine_grid(theta, [n, 2, SIZE, SIZE], align_corners=False), align_corners=False
    )
    places = (torch.arange(SIZE) + 0.5) * 2 / SIZE - 1
    within = [
        (places * half[:, None] + centre[:, axis, None] >= box[:, axis, :1])
        & (places * half[:, None] + centre[:, axis, None] <= box[:, axis, 1:])
        for axis in (0, 1)
    ]
    seen = within[1][:, :, None] & within[0][:, None]
    picture, covered = both[:, 0] * seen, both[:, 1] * seen
    view = (slice(None), None, None)
    picture = torch.where(inverted[view], covered - picture, picture).clamp(0, 1)
    picture = picture ** torch.exp(0.35 * torch.randn(n, generator=random))[view]
    for _ in range(boxes):  # labels, boxes, plates
        rows, columns = torch.arange(SIZE)[None, :, None], torch.arange(SIZE)[None, None]
        top, left = uniform(0, SIZE)[view], uniform(0, SIZE)[view]
        plate = (
            (rows >= top)
            & (rows < top + uniform(2, 22)[view])
            & (columns >= left)
            & (columns < left + uniform(2, 26)[view])
        )
        picture = torch.where(plate & chance(0.25)[view], uniform(0, 1).round()[view].expand_as(picture), picture)
    picture = picture + uniform(0, 0.04)[view] * torch.randn(picture.shape, generator=random) * covered
    done = {"turns": turns, "inverted": inverted, "mirrored": mirrored, "lost": lost}
    return standardised(picture)[:, None], done


def cropped(pictures: Tensor, linear: Tensor, random: torch.Generator, depth: Tensor) -> tuple[Tensor, Tensor]:
    """What is left of the pictures, in output coordinates: boxes (N, 2, 2), x and y, from and to; and (N, 4), the share
    of the lungs that each cut, left, right, top, bottom, has taken.

    Half stay whole. A side of the others stays, is cut beside the lungs (or what there is), or into them.
    """
    n = len(pictures)
    places = torch.linspace(-1.5, 1.5, COARSE)
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1).reshape(1, -1, 2) @ linear.transpose(1, 2)
    found = F.grid_sample(pictures[:, 1:], grid.reshape(n, COARSE, COARSE, 2), align_corners=False) > 0.5
    whole, lungs = found[:, 0], found[:, 1]
    drawn = lungs.any((1, 2))
    things = torch.where(drawn[:, None, None], lungs, whole)

    def extent(mask: Tensor) -> Tensor:
        """(N, 2, 2): x and y, from and to."""
        spans = [mask.any(1), mask.any(2)]
        return torch.stack(
            [
                torch.stack([places[m.int().argmax(1)], places[COARSE - 1 - m.flip(1).int().argmax(1)]], 1)
                for m in spans
            ],
            1,
        )

    outer, inner = extent(whole), extent(things)
    size = (inner[:, :, 1] - inner[:, :, 0])[:, :, None]
    inwards = torch.tensor([1.0, -1.0])

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 2, 2, generator=random)

    into = inner + inwards * size * (0.06 + (depth[:, None, None] - 0.06).clamp(min=0) * uniform(0, 1))
    beside = inner - inwards * size * uniform(0, 0.25)
    beside = torch.stack(
        [torch.maximum(beside[:, :, 0], outer[:, :, 0]), torch.minimum(beside[:, :, 1], outer[:, :, 1])], 2
    )
    choice = uniform(0, 1)
    # Not both ends of an axis are cut into.
    choice[:, :, 1] = torch.where((choice < 0.3).all(2), torch.full((n, 2), 0.5), choice[:, :, 1])
    touched = (torch.rand(n, generator=random) < 0.5)[:, None, None]
    box = torch.where(touched & (choice < 0.3), into, torch.where(touched & (choice < 0.65), beside, outer))
    wider = 0.15 * torch.rand(n, generator=random) * (torch.rand(n, generator=random) < 0.15)
    box = box - inwards * wider[:, None, None]
    columns, rows = (lungs.sum(axis).float() / lungs.sum((1, 2)).clamp(min=1)[:, None] for axis in (1, 2))
    lost = [
        (share * (places < box[:, axis, :1] if end == 0 else places > box[:, axis, 1:])).sum(1)
        for axis, share in enumerate((columns, rows))
        for end in (0, 1)
    ]
    return box, torch.stack(lost, 1)


def standardised(pictures: Tensor) -> Tensor:
    """(N, S, S) to mean 0 and standard deviation 1 each, as in use."""
    mean, deviation = pictures.mean((1, 2), keepdim=True), pictures.std((1, 2), keepdim=True, correction=0)
    return (pictures - mean) / deviation.clamp(min=1e-6)


def tensors(pictures: Pictures) -> Tensor:
    """(N, 3, SIDE, SIDE): the pictures, where they lie, and their lungs."""
    planes = (pictures.images.astype(np.float32) / 255, pictures.inside, pictures.lungs)
    return torch.from_numpy(np.stack([np.asarray(plane, np.float32) for plane in planes], 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="index.csv of a collection of frontal chest radiographs")
    parser.add_argument("negatives", type=Path, help="negatives.csv; its pictures lie in negatives/ beside it")
    parser.add_argument("out", type=Path, help="folder for view.pt and curve.csv")
    parser.add_argument("--steps", type=int, default=3600)
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
    pages = torch.stack([invented, torch.ones_like(invented), torch.zeros_like(invented)], 1)
    groups = [chests, phantoms, laterals, others, pages]
    views, shares, depths = [0, 0, 1, 2, 2], [34, 1, 10, 12, 7], [0.55, 0.55, 0.12, 0.4, 0.4]
    print("pictures:", [len(pictures) for pictures in groups], f"{time.process_time():.0f} s", flush=True)

    truth, depth = (torch.repeat_interleave(torch.tensor(each), torch.tensor(shares)) for each in (views, depths))
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
            batch = torch.cat(
                [
                    pictures[torch.randint(len(pictures), (share,), generator=random)]
                    for pictures, share in zip(groups, shares, strict=True)
                ]
            )
            inputs, done = changed(batch, random, depth)
            logits = network(inputs.contiguous(memory_format=torch.channels_last))
            radiograph, frontal = truth < 2, (truth == 0) & (done["turns"] == 0)
            taught = (batch[:, 2].amax((1, 2)) > 0)[:, None] & ((done["lost"] > CUT) | (done["lost"] < WHOLE))
            loss = (
                F.cross_entropy(logits[:, :3], truth, label_smoothing=0.02)
                + F.binary_cross_entropy_with_logits(logits[radiograph, 3], done["inverted"][radiograph].float())
                + F.cross_entropy(logits[radiograph, 5:9], done["turns"][radiograph], label_smoothing=0.02)
                + 0.5 * F.binary_cross_entropy_with_logits(logits[frontal, 4], done["mirrored"][frontal].float())
                + F.binary_cross_entropy_with_logits(logits[:, 9:][taught], (done["lost"] > CUT)[taught].float())
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
