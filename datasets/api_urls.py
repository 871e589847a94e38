from django.urls import path

from datasets import api, api_cohorts, api_described, api_findings, api_reports

urlpatterns = [
    path("cohorts/<str:identifier>/", api_cohorts.CohortDetail.as_view(), name="cohort"),
    path("cohorts/<str:identifier>/archives/", api_cohorts.CohortArchives.as_view(), name="cohort_archives"),
    *api_described.api,
    path("datasets/", api.DatasetList.as_view(), name="datasets"),
    path("datasets/<slug:slug>/", api.DatasetDetail.as_view(), name="dataset"),
    path("datasets/<slug:slug>/releases/", api.ReleaseCreate.as_view(), name="release_create"),
    path("datasets/<slug:slug>/releases/<str:version>/", api.ReleaseDetail.as_view(), name="release"),
    path("datasets/<slug:slug>/releases/<str:version>/sources/", api.SourceList.as_view(), name="sources"),
    path("datasets/<slug:slug>/releases/<str:version>/masks/", api.MaskList.as_view(), name="masks"),
    path("datasets/<slug:slug>/findings/", api_findings.FindingsPut.as_view(), name="findings"),
    path("datasets/<slug:slug>/reports/", api_reports.ReportCreate.as_view(), name="report"),
    path("archives/<uuid:archive_id>/download", api.ArchiveDownload.as_view(), name="archive_download"),
]
