"""What stands before every page of a signed-in person: time limits, and what is owed first."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from tenancy import passwords, sessions
from tenancy.audit import record
from tenancy.models import User

#: Pages that are open while a new password or a second factor is owed.
ALWAYS = frozenset({"login", "second_step", "logout", "set_language"})
PASSWORD, FACTOR = "account_password", "account_second_factor"


class SessionGuardMiddleware:
    """End sessions whose time is over, and lead to what a person owes before anything else.

    Must follow Django's authentication and come before ``LoginRequiredMiddleware``. A request that
    a page makes by itself (htmx polling, or a URL name that ends in ``_live``) does not keep a
    session alive: a page left open on a desk is nobody at the desk.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Nothing of a signed-in page stays in a cache or behind the back button.
        if getattr(request, "_signed_in", False) and not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True, private=True)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        name = (match.url_name if match else "") or ""
        is_open = not getattr(view, "login_required", True)
        user = request.user
        if not isinstance(user, User):
            # htmx would follow the redirect and put the sign-in page into the middle of another.
            return None if is_open or not _is_htmx(request) else _away(request, _sign_in(request))
        request._signed_in = True  # type: ignore[attr-defined]
        now = timezone.now()
        state = sessions.get_state(request)
        if state is None:  # a session from before there were limits
            state = sessions.begin(request, user, now=now)
        if reason := sessions.why_over(state, now=now):
            self._end(request, user, reason)
            return None if is_open else _away(request, _sign_in(request, ended=reason))
        if not _is_poll(request, name):
            state = sessions.note_use(request, user, state, now=now)
        if is_open or name in ALWAYS:
            return None
        if passwords.must_change(user, now=now):
            return None if name == PASSWORD else _first(request, PASSWORD)
        if state["enrol"]:
            return None if name == FACTOR else _first(request, FACTOR)
        return None

    def _end(self, request: HttpRequest, user: User, reason: str) -> None:
        request._end_reason = reason  # type: ignore[attr-defined]
        record("session.end", actor=user, note=reason, request=request)
        logout(request)


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _is_poll(request: HttpRequest, name: str) -> bool:
    return name.endswith("_live") or request.headers.get("X-Poll") == "1"


def wants_data(request: HttpRequest) -> bool:
    """Tell whether a program asks, which wants a problem in JSON and no page."""
    accept = request.headers.get("Accept", "")
    return request.path.startswith("/api/") or (
        "json" in accept and "text/html" not in accept and "*/*" not in accept
    )


def problem(title: str, *, status: int, code: str) -> JsonResponse:
    """Return an error for a program (RFC 9457)."""
    return JsonResponse(
        {"type": "about:blank", "title": title, "status": status, "code": code},
        status=status,
        content_type="application/problem+json",
    )


def here(request: HttpRequest) -> str:
    """Return the page that the person looks at, to come back to."""
    if _is_htmx(request):
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        path = page.path or "/"
    elif request.method in ("GET", "HEAD"):
        return request.get_full_path()
    else:
        page = urlsplit(request.headers.get("Referer", ""))
        path = page.path or "/"
    return f"{path}?{page.query}" if page.query else path


def _sign_in(request: HttpRequest, **words: str) -> str:
    return f"{resolve_url('login')}?{urlencode({**words, 'next': here(request)})}"


def _away(request: HttpRequest, url: str) -> HttpResponse:
    """Send the person to another page, whatever asked."""
    if wants_data(request):
        return problem(_("Please sign in again."), status=401, code="signed_out")
    if _is_htmx(request):
        # A form keeps what was typed: the page says by itself that one has to sign in again.
        asks = request.method in ("GET", "HEAD")
        return HttpResponse(status=401, headers={"HX-Redirect": url} if asks else None)
    return redirect(url)


def _first(request: HttpRequest, name: str) -> HttpResponse:
    """Send the person to what has to be done first."""
    if wants_data(request):
        title = _("First sign in with a browser: your account asks for something.")
        return problem(title, status=403, code=f"{name}_first")
    if _is_htmx(request):
        return HttpResponse(status=403, headers={"HX-Redirect": resolve_url(name)})
    return redirect(f"{resolve_url(name)}?{urlencode({'next': here(request)})}")
