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

import numpy as np
import torch
from torch import Tensor

from imaging.lungs.training.data import Prepared, example, load
from imaging.lungs.training.model import UNet, dice_loss


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
    """Mean hard Dice (threshold 0.5) at the network's size, without post-processing."""
    network.eval()
    scores = []
    for number in range(len(data.rows)):
        image, truth, channel = batch(data, [number], size, None)
        found, drawn = network(image)[0, channel[0]] > 0, truth[0] > 0.5
        scores.append(float(2 * (found & drawn).sum() / (found.sum() + drawn.sum()).clamp(min=1)))
    return float(np.mean(scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, help="index.csv of a collection of radiographs and masks")
    parser.add_argument("out", type=Path, help="folder for checkpoints and curves.csv")
    parser.add_argument("--cache", type=Path, default=None, help="folder for prepared arrays (default: OUT/cache)")
    parser.add_argument("--stages", default="128:15:8:0.001,256:10:4:0.0007", help="size:epochs:batch:rate, ...")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--start", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--bfloat16", action="store_true", help="faster where the processor has avx512_bf16")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    stages = [(int(s), int(e), int(b), float(r)) for s, e, b, r in (p.split(":") for p in args.stages.split(","))]
    largest = max(stage[0] for stage in stages)
    cache = args.cache or args.out / "cache"
    training, validation = load(args.index, "train", largest, cache), load(args.index, "validation", largest, cache)
    network = UNet().to(memory_format=torch.channels_last)
    if args.start:
        network.load_state_dict(torch.load(args.start, weights_only=True)["network"])
    average = copy.deepcopy(network)

    with (args.out / "curves.csv").open("w", newline="") as file:
        curves = csv.writer(file)
        curves.writerow(["size", "epoch", "training_dice_loss", "validation_dice", "cpu_minutes"])
        for size, epochs, per_batch, rate in stages:
            steps_per_epoch = len(training.rows) // per_batch
            total, warm = epochs * steps_per_epoch, min(200, steps_per_epoch)
            optimiser = torch.optim.Adam(network.parameters(), lr=rate)
            schedule = torch.optim.lr_scheduler.LambdaLR(
                optimiser,
                lambda s, warm=warm, total=total: (
                    min(1, (s + 1) / warm) * (0.505 + 0.495 * math.cos(math.pi * s / total))
                ),
            )
            step = 0
            for epoch in range(epochs):
                order = np.random.default_rng([args.seed, size, epoch]).permutation(len(training.rows))
                network.train()
                losses = []
                for start in range(0, steps_per_epoch * per_batch, per_batch):
                    numbers = [int(n) for n in order[start : start + per_batch]]
                    images, truths, channels = batch(training, numbers, size, [args.seed, size, epoch])
                    with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
                        logits = network(images)
                    loss = dice_loss(logits.float(), truths, channels)
                    optimiser.zero_grad(set_to_none=True)
                    loss.backward()
                    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                    optimiser.step()
                    schedule.step()
                    step += 1
                    losses.append(loss.item())
                    keep = min(0.995, step / (step + 10))
                    with torch.no_grad():
                        for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                            kept.lerp_(new, 1 - keep)
                torch.save(
                    {"size": size, "epoch": epoch, "network": average.state_dict()}, args.out / f"lungs-{size}.pt"
                )
                score = validate(average, validation, size)
                curves.writerow(
                    [size, epoch + 1, f"{np.mean(losses):.4f}", f"{score:.4f}", f"{time.process_time() / 60:.1f}"]
                )
                file.flush()
            network.load_state_dict(average.state_dict())


if __name__ == "__main__":
    main()
