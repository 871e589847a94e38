"""Write a checkpoint as the ONNX file that the portal loads, with its name, size and checksum beside it.

python -m imaging.lungs.training.export CHECKPOINT VERSION [--out imaging/lungs/weights]
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from imaging.lungs.training.model import CONVENTIONS, Probabilities, UNet, fold

OPSET = 17


def export(checkpoint: Path, folder: Path, version: str) -> Path:
    """Write folder/lungs.onnx and lungs.json; raises AssertionError unless onnxruntime agrees with PyTorch."""
    saved = torch.load(checkpoint, weights_only=True)
    network = UNet()
    network.load_state_dict(saved["network"])
    model, size = Probabilities(fold(network)).eval(), int(saved["size"])
    image = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    target = folder / "lungs.onnx"
    candidate = target.with_suffix(".new")
    torch.onnx.export(
        model, (image,), candidate, input_names=["image"], output_names=["lungs"], opset_version=OPSET, dynamo=False
    )
    session = onnxruntime.InferenceSession(str(candidate), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = model(image).numpy()
    # Both sum in float32, in another order; on noise some pixels lie at one half, where the sigmoid is steepest.
    np.testing.assert_allclose(session.run(None, {"image": image.numpy()})[0], expected, atol=1e-3)
    facts = {
        "version": version,
        "size": size,
        "conventions": list(CONVENTIONS),
        "sha256": hashlib.sha256(candidate.read_bytes()).hexdigest(),
    }
    candidate.replace(target)
    target.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("version")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "weights")
    args = parser.parse_args()
    print(export(args.checkpoint, args.out, args.version))


if __name__ == "__main__":
    main()
