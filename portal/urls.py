from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularJSONAPIView

from portal import health, views

api: list[URLPattern | URLResolver] = [
    path("", include("datasets.api_urls")),
    path("", include("accounts.api_urls")),
    path("", include("intake.api_urls")),
    path("", include("curation.api_urls")),
    path(
        "schema.json", SpectacularJSONAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"
    ),
]

# One way to log in for everybody: the back office's own form knows no rate limit and no second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", views.home, name="home"),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("accounts/", include("allauth.urls")),
    path("", include("accounts.urls")),
    path("", include("datasets.urls")),
    path("", include("intake.urls")),
    path("", include("curation.urls")),
    path("", include("audit.urls")),
    path("api/v1/", include((api, "api"))),
    path("backoffice/", admin.site.urls),
]
if settings.CXR_OUTBOX_PAGE:
    urlpatterns += [
        path("outbox/", views.outbox, name="outbox"),
        path("outbox/<str:name>", views.outbox_message, name="outbox_message"),
    ]
