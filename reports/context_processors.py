"""What the frame around every page needs."""

from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, object]:
    """Return the rail's entries and whose eyes these are."""
    return {}
