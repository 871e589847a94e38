from django.urls import path

from intake import views
from intake.dicomweb import views as dicomweb
from intake.listener import views as listener
from intake.tus import views as tus

app_name = "intake"
urlpatterns = [
    path("uploads/", views.batches, name="batches"),
    path("uploads/new", views.batch_new, name="batch_new"),
    path("uploads/template.csv", views.template, name="template"),
    path("uploads/<int:pk>/", views.batch, name="batch"),
    path("uploads/<int:pk>/files", views.batch_files, name="batch_files"),
    path("uploads/<int:pk>/files/describe", views.files_describe, name="files_describe"),
    path("uploads/<int:pk>/files/withdraw", views.files_withdraw, name="files_withdraw"),
    path("uploads/<int:pk>/table", views.table, name="table"),
    path("uploads/<int:pk>/table.xlsx", views.table_template, name="table_template"),
    path("uploads/<int:pk>/fate.csv", views.fate_table, name="fate"),
    path("uploads/tus/", tus.Uploads.as_view(), name="tus"),
    path("uploads/tus/<uuid:pk>", tus.Upload.as_view(), name="tus_upload"),
    path("manage/pacs/", listener.nodes, name="nodes"),
    path("manage/pacs/new", listener.node_edit, name="node_new"),
    path("manage/pacs/<int:pk>/", listener.node_edit, name="node_edit"),
    path("dicom-web/studies", dicomweb.Studies.as_view(), name="stow"),
    path("dicom-web/studies/<str:study>", dicomweb.Studies.as_view(), name="stow_study"),
    path("dicom-web/batches/<int:pk>/studies", dicomweb.Studies.as_view(), name="stow_batch"),
    path("dicom-web/batches/<int:pk>/studies/<str:study>", dicomweb.Studies.as_view(), name="stow_batch_study"),
    path("uploads/files/<uuid:pk>/", views.file, name="file"),
    path("uploads/files/<uuid:pk>/withdraw", views.file_withdraw, name="file_withdraw"),
]
