"""Where each person starts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from reports.eyes import get_eyes


def home(request: HttpRequest) -> HttpResponse:
    """Send authorities to the overview and enterprise people to their own enterprise."""
    eyes = get_eyes(request)
    if eyes.is_authority:
        return redirect("city")
    if eyes.enterprise_ids:
        return redirect("enterprise", eyes.enterprise_ids[0])
    return render(request, "reports/no_duty.html")
