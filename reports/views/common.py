"""What several pages share: the tabs over an enterprise's pages, how wide the picture is drawn."""

from contextlib import suppress
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from enterprises.models import Enterprise

#: ``static/js/picture.js`` keeps the width of the picture's box in this cookie.
WIDTH_COOKIE = "pw_width"
PHONE_WIDTH, DESK_WIDTH = 364, 1256
WIDTH_LIMITS = (300, 1800)


def picture_width(request: HttpRequest) -> int:
    """Return how wide the picture should be drawn, in pixels.

    The browser says so from its second look on; before that it is guessed by the kind of device,
    and the drawing scales with its box in the meantime.
    """
    low, high = WIDTH_LIMITS
    try:
        return min(high, max(low, int(request.COOKIES.get(WIDTH_COOKIE, ""))))
    except ValueError:
        is_phone = "Mobi" in request.headers.get("User-Agent", "")
        return PHONE_WIDTH if is_phone else DESK_WIDTH


def enterprise_tabs(
    enterprise: Enterprise,
    active: str,
    *,
    with_picture: bool = True,
    with_work_orders: bool = False,
) -> list[dict[str, Any]]:
    """Return the tabs over an enterprise's pages; those whose page is not there are left out."""
    entries = [
        ("picture", "enterprise", _("Live picture")),
        ("file", "enterprise_file", _("Enterprise file")),
        ("installation", "enterprise_installation", _("Installation")),
    ]
    out = []
    for name, url_name, label in entries:
        if name == "picture" and not with_picture:
            continue
        with suppress(NoReverseMatch):
            url = reverse(url_name, args=[enterprise.pk])
            out.append({"label": label, "url": url, "active": name == active, "count": None})
    if with_work_orders:
        url = f"{reverse('work_orders')}?enterprise={enterprise.pk}"
        out.append({"label": _("Work orders"), "url": url, "active": False, "count": None})
    return out
