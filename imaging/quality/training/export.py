"""Turn the trained network into the ONNX file that the portal runs.

python -m imaging.quality.training.export CHECKPOINT VERSION
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from imaging.quality.training.train import SIZE, Network


def export(checkpoint: Path, folder: Path, version: str) -> Path:
    """Write view.onnx and view.json; raises AssertionError when ONNX and PyTorch disagree."""
    network = Network()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    network.eval()
    folder.mkdir(exist_ok=True)
    images = torch.randn(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    target = folder / "view.onnx"
    candidate = target.with_suffix(".new")
    axes = {"image": {0: "n"}, "logits": {0: "n"}}
    torch.onnx.export(
        network, (images,), candidate, input_names=["image"], output_names=["logits"], dynamic_axes=axes,
        opset_version=17, dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(candidate), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = network(images).numpy()
    np.testing.assert_allclose(session.run(None, {"image": images.numpy()})[0], expected, atol=1e-3)
    facts = {"version": version, "size": SIZE, "sha256": hashlib.sha256(candidate.read_bytes()).hexdigest()}
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
