"""URLs."""

from django.contrib import admin
from django.urls import include, path

from tenancy.views import SignInView

urlpatterns = [
    path("", include("reports.urls")),
    path("", include("enterprises.urls")),
    path("", include("meters.importing.urls")),
    path("admin/", admin.site.urls),
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
