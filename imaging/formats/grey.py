"""Grey levels for display where the file says nothing usable about them."""

import numpy as np
from numpy.typing import NDArray

_SAMPLES = 512  # per side: percentiles of a grid this fine are those of the picture


def stretch(values: NDArray[np.float32], unseen: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """``values`` (H, W) mapped to 0..1 between their 0.05 and 99.95 percentiles, pixels in ``unseen`` not counted."""
    step = max(1, min(values.shape) // _SAMPLES)
    sample = values[::step, ::step]
    if unseen is not None and not unseen[::step, ::step].all():
        sample = sample[~unseen[::step, ::step]]
    low, high = (np.float32(value) for value in np.percentile(sample, (0.05, 99.95)))
    shown: NDArray[np.float32] = np.clip((values - low) / max(high - low, np.float32(1e-6)), 0, 1)
    return shown
