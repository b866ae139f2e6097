"""Signing in, in one step or two."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tenancy import second_factor, signin
from tenancy.forms import CodeForm, SignInForm


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
    """User name and password; who has a second factor goes on to its code.

    Signed in already: sent on. Locked: said kindly, with 429, whether or not the name exists.
    """

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if second_factor.has_device(user):
            signin.wait_for_code(self.request, user, self.get_success_url(), now=timezone.now())
            return redirect("second_step")
        signin.complete(self.request, user, with_code=False)
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        locked = getattr(self.request, "axes_locked_out", False)
        context = self.get_context_data(form=form, locked=locked)
        return self.render_to_response(context, status=429 if locked else 200)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            demo_accounts=get_demo_accounts(),
            ended=self.request.GET.get("ended", ""),
            lock_minutes=int(settings.AXES_COOLOFF_TIME.total_seconds() // 60),
            **kwargs,
        )


@login_not_required
@never_cache
@sensitive_post_parameters()
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for the code; five wrong ones or five minutes lead back to the start."""
    pending = signin.get_pending(request, now=timezone.now())
    if pending is None:
        request.session.pop(signin.PENDING, None)
        return redirect("login")
    form = CodeForm(pending.user, request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            signin.complete(request, pending.user, with_code=True)
            if form.outcome and form.outcome.codes_left is not None:
                left = form.outcome.codes_left
                messages.warning(
                    request,
                    _("You used a recovery code; %(left)d are left. New ones: My account.")
                    % {"left": left},
                )
            return HttpResponseRedirect(pending.next_url)
        if not signin.note_wrong_code(request, pending):
            request.session.pop(signin.PENDING, None)
            return redirect("login")
    return render(request, "registration/second_step.html", {"form": form})
