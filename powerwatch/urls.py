"""URLs."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("reports.urls")),
    # Before the administration's own: its sign-in page is ours.
    path("", include("tenancy.people_urls")),
    path("", include("enterprises.urls")),
    path("api/", include("powerwatch.api")),
    path("account/tokens/", include("tenancy.token_urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
