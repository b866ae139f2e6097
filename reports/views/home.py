"""Where each person starts."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static

from tenancy.access import Permission
from tenancy.eyes import get_eyes


def home(request: HttpRequest) -> HttpResponse:
    """Send everybody to where their work begins: the overview, the own enterprise, the log..."""
    eyes = get_eyes(request)
    if eyes.is_authority:
        return redirect("city")
    if eyes.enterprise_ids:
        return redirect("enterprise", eyes.enterprise_ids[0])
    if eyes.may(Permission.SEE_AUDIT):
        return redirect("audit")
    if eyes.may(Permission.DO_WORK_ORDERS):
        return redirect("work")
    if eyes.may(Permission.MANAGE_GRANTS):
        return redirect("people")
    if eyes.may(Permission.ADMINISTER_SYSTEM):
        return redirect("admin:index")
    return render(request, "reports/no_duty.html")


@login_not_required
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers that ask by habit, as on the administration's pages, to the icon."""
    return redirect(static("icons/favicon.svg"))
