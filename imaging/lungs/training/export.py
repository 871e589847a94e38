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

from imaging.lungs.training.model import CONVENTIONS, Probabilities, UNet

OPSET = 17


def export(checkpoint: Path, folder: Path, version: str) -> Path:
    """Write folder/lungs.onnx and lungs.json; raises AssertionError unless onnxruntime agrees with PyTorch."""
    saved = torch.load(checkpoint, weights_only=True)
    network = UNet()
    network.load_state_dict(saved["network"])
    model, size = Probabilities(network).eval(), int(saved["size"])
    image = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(0))
    target = folder / "lungs.onnx"
    torch.onnx.export(
        model, (image,), target, input_names=["image"], output_names=["lungs"], opset_version=OPSET, dynamo=False
    )
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = model(image).numpy()
    np.testing.assert_allclose(session.run(None, {"image": image.numpy()})[0], expected, atol=1e-4)
    facts = {
        "version": version,
        "size": size,
        "conventions": list(CONVENTIONS),
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
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
