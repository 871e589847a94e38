"""python -m imaging.deid.text.training.export CHECKPOINT VERSION: write ../weights/text.onnx and text.json."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import torch

from imaging.deid.text.training.network import Probability, TextNet

WEIGHTS = Path(__file__).parent.parent / "weights" / "text.onnx"


def main() -> None:
    checkpoint, version = sys.argv[1:]
    network = TextNet()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    torch.onnx.export(
        Probability(network.eval()),
        (torch.zeros(1, 2, 256, 256),),
        WEIGHTS,
        input_names=["picture"],
        output_names=["probability"],
        dynamic_axes={"picture": {2: "height", 3: "width"}, "probability": {1: "rows", 2: "columns"}},
        opset_version=17,
        dynamo=False,
    )
    facts = {"version": version, "sha256": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}
    WEIGHTS.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
