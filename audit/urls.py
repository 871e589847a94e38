from django.urls import path

from audit import views

app_name = "audit"
urlpatterns = [
    path("manage/audit/", views.events, name="events"),
    path("manage/audit/export.csv", views.export, name="export"),
]
