"""System checks: what must not be set otherwise."""

from django.conf import settings
from django.core.checks import Error, register


@register()
def check_time(app_configs: object, **kwargs: object) -> list[Error]:
    """Refuse to start where the clocks of record and screen are not UTC and Asia/Shanghai."""
    errors = []
    if not settings.USE_TZ:
        errors.append(Error("USE_TZ must be on: times are stored as UTC.", id="common.E001"))
    if settings.TIME_ZONE != "Asia/Shanghai":
        errors.append(
            Error("TIME_ZONE must be Asia/Shanghai, the clock of every screen.", id="common.E002")
        )
    return errors
