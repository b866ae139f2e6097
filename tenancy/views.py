"""Signing in."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView


def get_demo_accounts() -> list[dict[str, str]]:
    """Return the accounts of the demo city: username, password, label; none outside the demo."""
    if not settings.DEMO:
        return []
    try:
        module = import_module("tenancy.demo_accounts")
    except ModuleNotFoundError:
        return []
    return list(module.DEMO_ACCOUNTS)


class SignInView(LoginView):
    """Django's sign-in; who is signed in already is sent on."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(demo_accounts=get_demo_accounts(), **kwargs)
