"""Step-up 再次验证: the password again, right before an act that cannot be taken lightly.

    @require_recent_proof
    def end_grant(request, pk): ...

Who signed in or proved themselves within ``PROOF_MINUTES`` goes straight on. Everybody else is
asked first, and loses nothing by it:

- a page asked for by GET comes after the proof, by its own address;
- a form sent by POST is asked at its own address, carries what was typed along and then does what
  it was meant to do (files have to be chosen again: the page says so);
- a form sent by htmx keeps its page; the question opens above it and the button is pressed again;
- a program gets 403 with ``code: proof_required`` (RFC 9457).
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy import sessions
from tenancy.audit import record
from tenancy.eyes import person
from tenancy.forms import ProofForm
from tenancy.guard import here, problem, wants_data
from tenancy.models import User

TRIES = 5
#: Fields of the question itself; they never reach the view behind it.
PASSWORD, CODE = "proof-password", "proof-code"
_FAILURES = "proof_failures"

View = Callable[..., HttpResponse]


def is_proved(request: HttpRequest, *, now: datetime) -> bool:
    """Tell whether the person gave the password in this session within ``PROOF_MINUTES``."""
    state = sessions.get_state(request)
    return state is not None and now.timestamp() - state["proved"] <= settings.PROOF_MINUTES * 60


def require_recent_proof(view: View) -> View:
    """Ask who has not proved themselves lately for the password, and the code if there is one."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        if not isinstance(request.user, User) or is_proved(request, now=now):
            return view(request, *args, **kwargs)
        if sessions.get_state(request) is None or wants_data(request):
            title = _("Prove who you are again, with a browser, before this act.")
            return problem(title, status=403, code="proof_required")
        if request.headers.get("HX-Request") == "true":
            return ask_above(request)
        if request.method != "POST":
            return redirect(f"{resolve_url('account_proof')}?{urlencode({'next': here(request)})}")
        if PASSWORD not in request.POST:
            return _ask(request, ProofForm(person(request), prefix="proof"))
        form = ProofForm(person(request), request.POST, prefix="proof")
        answer = judge(request, form, now=now)
        if answer is not None:
            return answer
        return view(request, *args, **kwargs) if form.is_valid() else _ask(request, form)

    guarded.requires_proof = True  # type: ignore[attr-defined]
    return guarded


def judge(request: HttpRequest, form: ProofForm, *, now: datetime) -> HttpResponse | None:
    """Note a proof that holds, or a failure; return an answer only where the session ends by it.

    Afterwards ``form.is_valid()`` tells which it was.
    """
    actor = person(request)
    state = sessions.get_state(request)
    if form.is_valid() and state is not None:
        sessions.set_state(request, {**state, "proved": now.timestamp()})
        request.session.pop(_FAILURES, None)
        sessions.rotate(request)
        record("stepup.success", actor=actor, request=request)
        return None
    failures = request.session.get(_FAILURES, 0) + 1
    request.session[_FAILURES] = failures
    record("stepup.failure", actor=actor, is_success=False, request=request)
    if failures < TRIES:
        return None
    # Somebody sits at a desk that is not theirs, or has forgotten: sign-in is the place for both.
    record("session.end", actor=actor, note="stepup", request=request)
    request._end_reason = "stepup"  # type: ignore[attr-defined]
    logout(request)
    url = f"{resolve_url('login')}?ended=stepup"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return redirect(url)


def _ask(request: HttpRequest, form: ProofForm) -> HttpResponse:
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in (PASSWORD, CODE, "csrfmiddlewaretoken")
        for value in values
    ]
    context = {
        "form": form,
        "kept": kept,
        "files_lost": bool(request.FILES),
        "action": request.get_full_path(),
        "back_url": here(request),
    }
    return render(request, "account/proof.html", context)


def ask_above(request: HttpRequest, form: ProofForm | None = None) -> HttpResponse:
    """Open the question above the page that htmx sent from; what was typed there stays."""
    form = form or ProofForm(person(request), prefix="proof")
    response = render(request, "account/proof_above.html", {"form": form})
    if request.resolver_match and request.resolver_match.url_name != "account_proof":
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "beforeend"
    return response
