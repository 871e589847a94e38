from django.urls import path

from curation import views

app_name = "curation"
urlpatterns = [
    path("curation/", views.queue, name="queue"),
    path("curation/set-aside/", views.set_aside, name="set_aside"),
    path("curation/<uuid:pk>/", views.judge, name="judge"),
    path("curation/<uuid:pk>/image.png", views.image, name="image"),
    path("curation/<uuid:pk>/full-range.png", views.full_range, name="full_range"),
    path("curation/<uuid:pk>/mask.png", views.mask, name="mask"),
    path("curation/<uuid:pk>/boxes", views.boxes, name="boxes"),
    path("curation/<uuid:pk>/retry", views.retry, name="retry"),
]
