from datasets.models.collection import Dataset, DiagnosisGroup, LungMask, LungRegion, Patient, Radiograph
from datasets.models.quality import QualityDistribution
from datasets.models.release import Archive, Download, Release, ReleaseItem
from datasets.models.segmentation import SegmentationEntry, SegmentationSource, Set

__all__ = [
    "Archive",
    "Dataset",
    "DiagnosisGroup",
    "Download",
    "LungMask",
    "LungRegion",
    "Patient",
    "QualityDistribution",
    "Radiograph",
    "Release",
    "ReleaseItem",
    "SegmentationEntry",
    "SegmentationSource",
    "Set",
]
