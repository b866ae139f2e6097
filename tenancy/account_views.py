"""My account: who I am here, my password, my second factor, my sessions, and the proof."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenancy import passwords, second_factor, sessions, stepup
from tenancy.access import Permission, get_authority
from tenancy.audit import record
from tenancy.devices import describe
from tenancy.eyes import get_eyes, person
from tenancy.forms import EnrolForm, PasswordForm, ProofForm
from tenancy.models import Grant, User
from tenancy.words import role_words, sees_data

_KEY = "second_factor_key"


def _next(request: HttpRequest, fallback: str) -> HttpResponse:
    """Go on to where the person wanted, if that is a page of ours."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return HttpResponseRedirect(url)
    return redirect(fallback)


def account(request: HttpRequest) -> HttpResponse:
    """Show who I am here: grants with dates and what they let me do."""
    user, now = person(request), timezone.now()
    grants = (
        Grant.objects.filter(user=user)
        .select_related("division", "enterprise", "company")
        .order_by("-starts_at", "-pk")
    )
    rows = [
        {
            "grant": grant,
            "words": role_words(grant.role),
            "sees_data": sees_data(grant.role),
            "is_over": bool(grant.ends_at and grant.ends_at <= now),
            "is_ahead": grant.starts_at > now,
        }
        for grant in grants
    ]
    context = {
        "rows": [row for row in rows if not row["is_over"]],
        "past": [row for row in rows if row["is_over"]],
        "has_factor": second_factor.has_device(user),
        "factor_required": second_factor.is_required(get_authority(user)),
        "session_count": sessions.open_sessions(user, now=now).count(),
        "password_since": user.password_changed_at or user.date_joined,
        "password_days": settings.PASSWORD_AGE_DAYS,
        "may_use_api": get_eyes(request).may(Permission.USE_API),
    }
    return render(request, "account/account.html", context)


@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponse:
    """Let me choose a new password; every other session of mine ends."""
    user, now = person(request), timezone.now()
    form = PasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        user.set_password(form.cleaned_data["new_password"])
        user.must_change_password = False
        user.save()
        sessions.end_all(user, reason="password", now=now, but=request.session.session_key)
        old_key = request.session.session_key
        update_session_auth_hash(request, user)  # gives the session a new key as well
        sessions.follow(request, old_key)
        record("password.change", actor=user, request=request)
        messages.success(request, _("Your password is changed. Other devices are signed out."))
        return _next(request, "account")
    context = {
        "form": form,
        "forced": passwords.must_change(user, now=now),
        "is_aged": passwords.is_aged(user, now=now),
        "days": settings.PASSWORD_AGE_DAYS,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return render(request, "account/password.html", context)


@sensitive_post_parameters()
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Show my second factor, or set one up: picture, first code, recovery codes."""
    user = person(request)
    if second_factor.has_device(user) and not request.GET.get("anew"):
        return _factor_standing(request, user)
    return _enrol(request)


def _factor_standing(request: HttpRequest, user: User) -> HttpResponse:
    context = {
        "codes_left": second_factor.count_recovery_codes(user),
        "factor_required": second_factor.is_required(get_authority(user)),
    }
    return render(request, "account/second_factor.html", context)


@stepup.require_recent_proof
def _enrol(request: HttpRequest) -> HttpResponse:
    user = person(request)
    key = request.session.get(_KEY) or second_factor.new_key()
    request.session[_KEY] = key
    form = EnrolForm(request.POST or None)
    state = sessions.get_state(request)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.enrol(user, key, form.cleaned_data["code"])
        if codes is not None:
            del request.session[_KEY]
            if state is not None:
                sessions.set_state(request, {**state, "enrol": False})
            sessions.rotate(request)
            sessions.end_all(
                user,
                reason="second_factor",
                now=timezone.now(),
                but=request.session.session_key,
            )
            record("second_factor.enrol", actor=user, request=request)
            return _show_codes(request, codes)
        form.add_error(
            "code",
            _("This code does not fit. See that the phone's clock is right, then enter the next."),
        )
    context = {
        "form": form,
        "picture": second_factor.draw(user, key),
        "spelled": second_factor.spell(key),
        "forced": state is not None and state["enrol"],
    }
    return render(request, "account/second_factor_enrol.html", context)


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return render(request, "account/recovery_codes.html", {"codes": codes})


@require_POST
@stepup.require_recent_proof
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes and show them this once; the old ones end."""
    user = person(request)
    if not second_factor.has_device(user):
        return redirect("account_second_factor")
    codes = second_factor.make_recovery_codes(user)
    record("second_factor.codes", actor=user, request=request)
    return _show_codes(request, codes)


@require_POST
@stepup.require_recent_proof
def second_factor_remove(request: HttpRequest) -> HttpResponse:
    """Give up my second factor, where my duties do not ask for one."""
    user = person(request)
    if second_factor.is_required(get_authority(user)):
        messages.error(request, _("Your duties ask for a second factor: set up another instead."))
    elif second_factor.remove(user):
        record("second_factor.remove", actor=user, request=request)
        messages.success(request, _("The second factor is taken off."))
    return redirect("account_second_factor")


def session_list(request: HttpRequest) -> HttpResponse:
    """List where I am signed in."""
    user, now = person(request), timezone.now()
    rows = [
        {
            "session": one,
            "device": describe(one.device),
            "is_this": one.session_key == request.session.session_key,
        }
        for one in sessions.open_sessions(user, now=now)
    ]
    rows.sort(key=lambda row: not row["is_this"])
    return render(request, "account/sessions.html", {"rows": rows, "others": len(rows) > 1})


@require_POST
def session_end(request: HttpRequest) -> HttpResponse:
    """Sign out one of my devices (``session``), or all but this one (``others``)."""
    user, now = person(request), timezone.now()
    if "others" in request.POST:
        count = sessions.end_all(user, reason="revoked", now=now, but=request.session.session_key)
        record("session.end", actor=user, note=f"others: {count}", request=request)
        messages.success(request, _("All other devices are signed out."))
        return redirect("account_sessions")
    number = request.POST.get("session", "")
    one = get_object_or_404(
        user.sessions.filter(ended_at=None), pk=int(number) if number.isdecimal() else 0
    )
    sessions.end(one, reason="revoked", now=now)
    record("session.end", actor=user, note="revoked", request=request)
    messages.success(request, _("The device is signed out."))
    return redirect("account_sessions")


@sensitive_post_parameters()
def proof(request: HttpRequest) -> HttpResponse:
    """Ask for the password, and the code where there is one, then go on to ``next``."""
    is_htmx = request.headers.get("HX-Request") == "true"
    form = ProofForm(person(request), request.POST or None, prefix="proof")
    if request.method == "POST":
        answer = stepup.judge(request, form, now=timezone.now())
        if answer is not None:
            return answer
        if form.is_valid():
            if is_htmx:
                return render(request, "account/proof_given.html")
            return _next(request, "account")
        if is_htmx:
            return stepup.ask_above(request, form)
    context = {
        "form": form,
        "kept": [("next", request.POST.get("next") or request.GET.get("next", ""))],
        "action": request.path,
        "back_url": "",
    }
    return render(request, "account/proof.html", context)
