"""The weights that the package brings: unspoiled, small, one session per process."""

import hashlib
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging import inference
from imaging.deid.text.detector import NETWORK as TEXT
from imaging.inference import Network
from imaging.lungs.segmentation import NETWORK as LUNGS
from imaging.quality.view import NETWORK as VIEW

BOTH = {"image": np.zeros((2, 1, 96, 96), np.float32)}


@pytest.mark.parametrize("network", [LUNGS, VIEW, TEXT], ids=lambda network: network.weights.stem)
def test_a_networks_version_names_its_bytes(network: Network) -> None:
    digest = hashlib.sha256(network.weights.read_bytes()).hexdigest()
    assert network.facts["sha256"] == digest
    assert network.version == f"{network.facts['version']}-{digest[:8]}"


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    damaged = Network(tmp_path / "view.onnx")
    damaged.weights.write_bytes(VIEW.weights.read_bytes()[:-1] + b"\x00")
    (tmp_path / "view.json").write_text(VIEW.weights.with_suffix(".json").read_text())
    with pytest.raises(RuntimeError, match=r"view\.onnx is damaged"):
        damaged(**BOTH)


def test_the_first_output_comes_back() -> None:
    assert VIEW(**BOTH).shape == (2, 13)
    assert VIEW(**BOTH).dtype == np.float32


def _child(queue: Any) -> None:
    queue.put((inference._session.cache_info().currsize, VIEW(**BOTH)))


def test_a_forked_worker_makes_its_own_session() -> None:
    here = VIEW(**BOTH)
    assert inference._session.cache_info().currsize
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(queue,))
    child.start()
    inherited, there = queue.get(timeout=120)
    child.join()
    assert inherited == 0
    np.testing.assert_array_equal(there, here)
