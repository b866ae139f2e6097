"""A person's own API tokens: see, make (shown once), revoke."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as say
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from tenancy.access import Permission, require
from tenancy.eyes import person
from tenancy.models import ApiToken
from tenancy.tokens import SCOPES, TokenRefused, issue_token, revoke_token

View = Callable[..., HttpResponse]


def _step_up() -> Callable[[View], View]:
    """Return the question for the password before an act, where the sign-in pages have it."""
    try:
        guard: Callable[[View], View] = import_module("tenancy.stepup").require_recent_proof
    except ModuleNotFoundError:
        return lambda view: view
    return guard


DAYS = (30, 90, 180, 365)


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=60, help_text=_("Which program uses it, and where it runs.")
    )
    days = forms.TypedChoiceField(label=_("Valid for"), coerce=int, initial=90)
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=list(SCOPES.items()),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you may do yourself. Choose as little as the program needs."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = sorted({min(days, settings.API_TOKEN_DAYS) for days in DAYS})
        self.fields["days"].choices = [  # type: ignore[attr-defined]
            (days, say("%(days)d days") % {"days": days}) for days in offered
        ]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Show one's tokens; POST makes one and shows its text, this once."""
    require(person(request), Permission.USE_API)
    return _make(request) if request.method == "POST" else _show(request, TokenForm())


@_step_up()
def _make(request: HttpRequest) -> HttpResponse:
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    now = timezone.now()
    try:
        token, secret = issue_token(
            person(request),
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=now + timedelta(days=form.cleaned_data["days"]),
            now=now,
        )
    except TokenRefused as error:
        form.add_error(None, str(error))
        return _show(request, form, status=422)
    return _show(request, TokenForm(), made=token, secret=secret)


def _show(
    request: HttpRequest,
    form: TokenForm,
    *,
    made: ApiToken | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    own = list(ApiToken.objects.filter(user=person(request)).order_by("-created_at", "-pk")[:100])
    rows = [
        {
            "token": token,
            "scopes": [SCOPES.get(code, code) for code in token.scopes],
            "is_in_force": token.revoked_at is None and token.expires_at > now,
        }
        for token in own
    ]
    context = {"form": form, "rows": rows, "made": made, "secret": secret}
    return render(request, "account/tokens.html", context, status=status)


@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own tokens, whatever one's duty is by now; others' are 404."""
    token = get_object_or_404(ApiToken, pk=pk, user=person(request))
    revoke_token(token, now=timezone.now())
    messages.success(request, say("The token is revoked. Programs that use it are refused now."))
    return redirect("api_tokens")
