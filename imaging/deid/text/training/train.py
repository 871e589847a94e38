"""Train the network that finds text. See README.md beside this file for the exact commands."""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from imaging.deid.text import preparation
from imaging.deid.text.training.drawing import clutter, draw
from imaging.deid.text.training.network import TextNet

SIDE, STRIDE, BATCH, PATCHES = 256, 4, 12, 4


@dataclass(frozen=True)
class Source:
    """A picture, where it carries text of its own, and boxes (left, top, right, bottom) that look like text."""

    picture: NDArray[np.uint8]
    ignored: NDArray[np.bool_]
    hard: NDArray[np.int64]


def load(folder: Path) -> list[Source]:
    """What ``prepare`` has written."""
    arrays = [np.load(path) for path in sorted(folder.glob("*.npz"))]
    return [Source(a["picture"], a["ignored"], a["hard"]) for a in arrays]


def patches(
    source: Source, r: random.Random
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]]:
    """Input (2, S, S), truth (S/4, S/4) in 0..1 and what counts (S/4, S/4), of a few places of one picture."""
    scale = preparation.working_scale(*source.picture.shape) * r.choice([0.6, 0.8, 1, 1, 1.25])
    whole = preparation.resized(preparation.stretched(source.picture), scale)
    ignored = cv2.resize(source.ignored.astype(np.uint8), whole.shape[::-1], interpolation=cv2.INTER_NEAREST)
    pad = [(0, max(0, SIDE - side)) for side in whole.shape]
    whole, ignored = np.pad(whole, pad), np.pad(ignored, pad)
    done = []
    for _ in range(PATCHES):
        y, x = r.randint(0, whole.shape[0] - SIDE), r.randint(0, whole.shape[1] - SIDE)
        if len(source.hard):
            left, top, right, bottom = source.hard[r.randrange(len(source.hard))] * scale
            y = min(max(0, int((top + bottom) / 2) - r.randint(30, SIDE - 30)), whole.shape[0] - SIDE)
            x = min(max(0, int((left + right) / 2) - r.randint(30, SIDE - 30)), whole.shape[1] - SIDE)
        patch = whole[y : y + SIDE, x : x + SIDE].copy()
        unknown = ignored[y : y + SIDE, x : x + SIDE].astype(bool)
        if r.random() < 0.5:
            patch, unknown = patch[:, ::-1].copy(), unknown[:, ::-1]
        patch, label = _changed(patch, r, [0, 0, 1, 1, 2] if len(source.hard) else [0, 1, 1, 2, 2, 3])
        truth = label.reshape(SIDE // STRIDE, STRIDE, SIDE // STRIDE, STRIDE).mean((1, 3), dtype=np.float32)
        hidden = unknown.reshape(SIDE // STRIDE, STRIDE, SIDE // STRIDE, STRIDE).any((1, 3))
        done.append((preparation.channels(patch), truth, ~hidden | (truth > 0)))
    return done


def _changed(
    patch: NDArray[np.float32], r: random.Random, texts: list[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """With other contrast, a border, clutter, text, compression and noise; and where the text is."""
    if r.random() < 0.3:
        patch = 1 - patch
    if r.random() < 0.3:
        patch = np.clip((patch - 0.5) * r.uniform(0.5, 1.4) + 0.5 + r.uniform(-0.2, 0.2), -0.3, 1.3)
    if r.random() < 0.15:  # collimation
        width, edge, shade = r.randint(10, 120), r.randint(0, 3), r.choice([0.0, 0.0, 1.0])
        np.rot90(patch, edge)[:width] = shade
    label = np.zeros(patch.shape, bool)
    clutter(patch, r)
    for _ in range(r.choice(texts)):
        draw(patch, label, r)
    if r.random() < 0.3:
        grey = (np.clip(patch, 0, 1) * 255).astype(np.uint8)
        packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, r.randint(35, 92)])[1]
        patch = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    if r.random() < 0.3:
        noise = np.random.default_rng(r.randrange(1 << 30)).normal(0, r.uniform(0, 0.03), patch.shape)
        patch = patch + noise.astype(np.float32)
    return patch, label


def batch(sources: list[Source], hard: list[Source], r: random.Random) -> list[Tensor]:
    """Inputs, truths and weights of BATCH patches; six pictures of ten are hard ones where there are any."""
    found: list[tuple[NDArray[np.float32], ...]] = []
    while len(found) < BATCH:
        found += patches(r.choice(hard if hard and r.random() < 0.6 else sources), r)
    return [torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*found[:BATCH], strict=True)]


def loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, text counted three times, and soft Dice."""
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    found, drawn = torch.sigmoid(logits) * weight, truth * weight
    both = (found * truth).sum((1, 2))
    dice = 1 - (2 * both + 5) / (found.sum((1, 2)) + drawn.sum((1, 2)) + 5)
    return 3 * (entropy * (1 + 2 * truth) * weight).mean() + dice.mean()


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("pictures", type=Path, help="folder of prepare")
    ask.add_argument("out", type=Path, help="checkpoint to write")
    ask.add_argument("--steps", type=int, default=3000)
    ask.add_argument("--rate", type=float, default=3e-3)
    ask.add_argument("--seed", type=int, default=11)
    ask.add_argument("--hard", type=Path, help="folder of prepare --hard")
    ask.add_argument("--start", type=Path, help="a checkpoint to go on from")
    given = ask.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(7)
    sources, hard = load(given.pictures), load(given.hard) if given.hard else []
    network = TextNet().to(memory_format=torch.channels_last)
    if given.start:
        network.load_state_dict(torch.load(given.start, weights_only=True))
    optimiser = torch.optim.AdamW(network.parameters(), lr=given.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * s / given.steps)) + 0.002
    )
    r, losses = random.Random(given.seed), []
    for step in range(given.steps):
        inputs, truths, weights = batch(sources, hard, r)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(inputs.contiguous(memory_format=torch.channels_last))[:, 0]
        value = loss(logits.float(), truths, weights)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        losses.append(value.item())
        if step % 100 == 99:
            print(step + 1, round(float(np.mean(losses[-100:])), 4), flush=True)
            torch.save(network.state_dict(), given.out)


if __name__ == "__main__":
    main()
