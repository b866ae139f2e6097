"""What several pages share: how wide the picture is drawn."""

from django.http import HttpRequest

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
