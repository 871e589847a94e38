"""What the quality check proposes to the curator, and where an image lies among those of its dataset."""

from dataclasses import dataclass
from functools import cached_property

from datasets.models.collection import Quality
from datasets.selectors import quality_scores
from imaging.outliers import ENOUGH, RESOLUTION, Distribution, Scale
from intake import words
from intake.models import UploadedFile
from intake.words import QualityReason

WIDTH, HEIGHT = 320, 96  # of the plot, in units of its own
_FOOT, _HEAD = 14, 10  # below the bars: the scale; above them: this image's mark
_BARS = 40


@dataclass(frozen=True)
class Proposal:
    """Good or Bad, and why. An outlier is Bad, too."""

    quality: str
    reasons: list[QualityReason]


class Scales(dict[int, Scale]):
    """By dataset id, read when it is first asked for."""

    def __missing__(self, dataset_id: int) -> Scale:
        self[dataset_id] = quality_scores(dataset_id).scale()
        return self[dataset_id]


def proposal(file: UploadedFile, scale: Scale | None) -> Proposal:
    """What the check says of a candidate beside the images of its dataset as they are now; without a scale, alone."""
    score = file.assessment.get("score")
    outlier = bool(score) and scale is not None and scale.is_outlier(score)
    quality = Quality.BAD if outlier else file.assessment.get("quality", Quality.BAD)
    return Proposal(str(quality), words.quality_reasons(file.assessment, outlier=outlier))


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Standing:
    """Where the score of a candidate lies among the accepted images of its dataset; drawn as a histogram of them."""

    score: float
    distribution: Distribution
    scale: Scale

    @property
    def images(self) -> int:
        return self.scale.images

    @property
    def enough(self) -> bool:
        return self.scale.fences is not None

    @property
    def needed(self) -> int:
        return ENOUGH

    @property
    def lower(self) -> int:
        """How many of a hundred images have a lower score."""
        return round(100 * self.distribution.below(self.score))

    @property
    def normalised(self) -> float:
        return self.scale.normalised(self.score)

    @property
    def fence(self) -> float:
        return self.scale.bound

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The scores at the plot's left and right edge: all that it shows, with a little room."""
        shown = [self.score, self.scale.lowest, self.scale.highest, *([self.fence] if self.fence else [])]
        return max(0.0, min(shown) - 0.02), min(1.0, max(shown) + 0.02)

    @property
    def bars(self) -> list[Bar]:
        low, high = self.ends
        counts = [0] * _BARS
        for step, count in self.distribution.counts.items():
            place = int((step / RESOLUTION - low) / (high - low) * _BARS)
            counts[min(_BARS - 1, max(0, place))] += count
        room, wide = HEIGHT - _FOOT - _HEAD, WIDTH / _BARS
        # However few, they are to be seen.
        heights = [max(2.0, room * count / max(counts)) if count else 0 for count in counts]
        return [
            Bar(round(number * wide, 1), round(HEIGHT - _FOOT - height, 1), wide - 1, round(height, 1))
            for number, height in enumerate(heights)
            if height
        ]

    @property
    def mark(self) -> float:
        return self._across(self.score)

    @property
    def fence_mark(self) -> float:
        return self._across(self.fence)

    def _across(self, score: float) -> float:
        low, high = self.ends
        return round((score - low) / (high - low) * WIDTH, 1)


def standing(file: UploadedFile) -> Standing | None:
    """None where no lungs were found: then there is no score that could be compared."""
    score = file.assessment.get("score")
    if not score:
        return None
    distribution = quality_scores(file.batch.dataset_id)
    return Standing(score, distribution, distribution.scale())
