"""Every write of this app, one function per thing that a person or a worker does."""

from datasets.errors import DatasetError, LibraryFault, PublishRefused
from datasets.services.building import build_archive, retry_archive, sweep_archives
from datasets.services.catalogue import Group, create_dataset, update_dataset
from datasets.services.cohort_archives import order_cohort
from datasets.services.cohorts import save_cohort
from datasets.services.counting import count_download, count_view
from datasets.services.downloading import Delivery, note_links, read_delivery_logs, refuse_download, start_download
from datasets.services.freezing import retry_freezing
from datasets.services.library import Facts, NewFile, add_radiograph, withdraw_radiograph
from datasets.services.publishing import drop_release, publish_release
from datasets.services.scores import recount_scores

__all__ = [
    "DatasetError",
    "Delivery",
    "Facts",
    "Group",
    "LibraryFault",
    "NewFile",
    "PublishRefused",
    "add_radiograph",
    "build_archive",
    "count_download",
    "count_view",
    "create_dataset",
    "drop_release",
    "note_links",
    "order_cohort",
    "publish_release",
    "read_delivery_logs",
    "recount_scores",
    "refuse_download",
    "retry_archive",
    "retry_freezing",
    "save_cohort",
    "start_download",
    "sweep_archives",
    "update_dataset",
    "withdraw_radiograph",
]
