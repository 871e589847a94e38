"""The networks that the package brings: their weights checked, then run by onnxruntime in one thread."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray


@dataclass(frozen=True)
class Network:
    """The ONNX file `weights`; the JSON beside it, of the same name, holds its version, its SHA-256 and more facts.

    Nothing is read before it is needed, and then once per process.
    """

    weights: Path

    @property
    def facts(self) -> dict[str, Any]:
        return _facts(self.weights)

    @property
    def version(self) -> str:
        """What names the weights in every record: their version and the first 8 digits of their SHA-256."""
        return f"{self.facts['version']}-{self.facts['sha256'][:8]}"

    def __call__(self, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's first output for its inputs, by name. Raises RuntimeError when the weights are damaged."""
        return np.asarray(_session(self.weights).run(None, inputs)[0], dtype=np.float32)


def single_threaded(model: bytes, *, arena: bool = True) -> onnxruntime.InferenceSession:
    """A session of the ONNX `model` that uses one thread and says nothing.

    Workers are processes, and logs never quote a picture. `arena`: memory is kept for the next run; where inputs
    differ in size it only grows.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = arena
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def _facts(weights: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(weights.with_suffix(".json").read_text())
    return facts


@cache
def _session(weights: Path) -> onnxruntime.InferenceSession:
    model = weights.read_bytes()
    if hashlib.sha256(model).hexdigest() != _facts(weights)["sha256"]:
        raise RuntimeError(f"{weights.name} is damaged or does not belong to {weights.stem}.json")
    return single_threaded(model)


# A session does not survive a fork: the child makes its own.
os.register_at_fork(after_in_child=_session.cache_clear)
