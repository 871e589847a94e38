from datasets.statistics.rows import rows
from datasets.statistics.shown import present

__all__ = ["present", "rows"]
