from django.urls import path

from intake import api

urlpatterns = [
    path("batches/", api.Batches.as_view(), name="batches"),
    path("batches/<int:pk>/", api.Batch.as_view(), name="batch"),
    path("batches/<int:pk>/files/", api.BatchFiles.as_view(), name="batch_files"),
    path("batches/<int:pk>/table/", api.BatchTable.as_view(), name="batch_table"),
    path("files/<uuid:pk>/", api.File.as_view(), name="file"),
]
