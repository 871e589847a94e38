from datasets.models.citation import Citation
from datasets.models.cohort import Cohort, CohortOrder
from datasets.models.collection import Dataset, DiagnosisGroup, Finding, LungMask, LungRegion, Patient, Radiograph
from datasets.models.counts import DailyCount
from datasets.models.quality import QualityDistribution
from datasets.models.release import Archive, Download, Release, ReleaseItem
from datasets.models.segmentation import SegmentationEntry, SegmentationSource, Set
from datasets.models.withdrawal import ImageReport, Tombstone, Withdrawal

__all__ = [
    "Archive",
    "Citation",
    "Cohort",
    "CohortOrder",
    "DailyCount",
    "Dataset",
    "DiagnosisGroup",
    "Download",
    "Finding",
    "ImageReport",
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
    "Tombstone",
    "Withdrawal",
]
