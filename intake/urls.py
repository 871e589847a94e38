from django.urls import path

from intake import views

app_name = "intake"
urlpatterns = [
    path("uploads/", views.batches, name="batches"),
    path("uploads/new", views.batch_new, name="batch_new"),
    path("uploads/template.csv", views.template, name="template"),
    path("uploads/<int:pk>/", views.batch, name="batch"),
    path("uploads/<int:pk>/files", views.batch_files, name="batch_files"),
    path("uploads/files/<uuid:pk>/", views.file, name="file"),
    path("uploads/files/<uuid:pk>/withdraw", views.file_withdraw, name="file_withdraw"),
]
