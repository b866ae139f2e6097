"""The administration's frame: who comes in, and its navigation by task."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy

from tenancy import admin_groups
from tenancy.models import User
from tenancy.scoped_admin import may_enter


class Site(AdminSite):
    """Opens to the holders of a permission; a staff account alone opens nothing."""

    site_header = gettext_lazy("PowerWatch administration")
    site_title = gettext_lazy("PowerWatch administration")
    index_title = gettext_lazy("What is set up here")
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter(request)

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        apps = super().get_app_list(request, app_label)
        return admin_groups.group(apps, request, self) if app_label is None else apps

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Refuse a signed-in person without a right here; signing in again would not help."""
        inner: Callable[..., HttpResponseBase] = super().admin_view(view, cacheable)

        @wraps(inner)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if isinstance(request.user, User) and not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **kwargs)

        return checked
