from django.urls import path

from curation import api

urlpatterns = [
    path("curation/queue/", api.Queue.as_view(), name="curation_queue"),
    path("curation/<uuid:pk>/boxes/", api.Boxes.as_view(), name="curation_boxes"),
    path("curation/<uuid:pk>/verdict/", api.Verdict.as_view(), name="curation_verdict"),
]
