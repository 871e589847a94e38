from django.urls import path

from datasets import api_described as described
from datasets.views import (
    asking,
    catalogue,
    citation,
    download,
    links,
    manage,
    masks,
    reporting,
    statistics,
    usage,
    withdrawing,
)

app_name = "datasets"
urlpatterns = [
    *described.pages,
    path("datasets/<slug:slug>/releases/<str:version>/statistics/", statistics.statistics, name="statistics"),
    path(
        "datasets/<slug:slug>/releases/<str:version>/statistics/<slug:name>.csv",
        statistics.table,
        name="statistics_table",
    ),
    path(
        "datasets/<slug:slug>/releases/<str:version>/statistics/<slug:name>.svg",
        statistics.chart,
        name="statistics_chart",
    ),
    path("datasets/", catalogue.dataset_list, name="list"),
    path("datasets/<slug:slug>/", catalogue.dataset_detail, name="detail"),
    path("datasets/<slug:slug>/releases/<str:version>/", catalogue.release, name="release"),
    path("datasets/<slug:slug>/releases/<str:version>/commands", links.make, name="commands"),
    path("links/<str:token>/<str:filename>", links.follow, name="link"),
    path("datasets/<slug:slug>/request/", asking.request_access, name="request"),
    path("datasets/<slug:slug>/masks/", masks.released, name="masks"),
    path("masks/<int:pk>/thumbnail.png", masks.released_thumbnail, name="mask_thumbnail"),
    path("archives/<uuid:archive_id>/download", download.download, name="download"),
    path("manage/datasets/", manage.dataset_list, name="manage"),
    path("manage/datasets/new", manage.dataset_new, name="new"),
    path("manage/datasets/<slug:slug>/edit", manage.dataset_edit, name="edit"),
    path("manage/datasets/<slug:slug>/usage/", usage.page, name="usage"),
    path("manage/datasets/<slug:slug>/usage.csv", usage.table, name="usage_table"),
    path("manage/datasets/<slug:slug>/citation", citation.edit, name="citation"),
    path("manage/datasets/<slug:slug>/publish", manage.publish, name="publish"),
    path("manage/datasets/<slug:slug>/masks/", masks.imported, name="manage_masks"),
    path("manage/masks/<int:pk>/thumbnail.png", masks.imported_thumbnail, name="manage_mask_thumbnail"),
    path("manage/releases/<int:pk>/", manage.release, name="manage_release"),
    path("manage/releases/<int:pk>/deprecate", manage.deprecate, name="deprecate"),
    path("datasets/<slug:slug>/report/", reporting.report, name="report"),
    path("manage/reports/", reporting.report_list, name="reports"),
    path("manage/reports/<int:pk>/", reporting.answer, name="manage_report"),
    path("manage/withdrawals/", withdrawing.withdrawal_list, name="withdrawals"),
    path("manage/withdrawals/<int:pk>/", withdrawing.withdrawal, name="withdrawal"),
    path("manage/withdraw/<str:kind>/<int:pk>/", withdrawing.withdraw, name="withdraw"),
]
