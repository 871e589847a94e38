"""Text that is burned into the pixels of a radiograph: where it is, and whether it is a marker that may stay."""

import numpy as np
from numpy.typing import NDArray

from imaging.deid.text.result import Text

__all__ = ["Text", "find_text"]


def find_text(stored: NDArray[np.integer]) -> Text:
    """Burned-in text in ``stored``, the upright stored values (H, W) of any integer type, either polarity.

    Every box is to be painted unless the recogniser is sure that it is a side or position marker. ``doubtful`` when a
    box is between text and no text, or there is very much of it. One thread; the networks load at the first call.
    Raises ValueError unless the array has two dimensions.
    """
    from imaging.deid.text.finder import find  # the networks' libraries take a second to import

    return find(stored)
