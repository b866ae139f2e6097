"""What a password must be, how long it lasts, and which do not come back.

等保 2.0 level 3, 8.1.4.1 a (GB/T 22239-2019): complex and changed regularly; the numbers are
settings (assumption, the usual ones). The validators are named in ``AUTH_PASSWORD_VALIDATORS``.
"""

import re
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from tenancy.models import PasswordRecord, User

#: Capitals, small letters, digits, everything else.
CLASSES = ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]")
#: Without the signs that look alike on paper (0 O 1 l I).
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789"


class ClassesValidator:
    """Ask for signs of ``classes`` of the four kinds."""

    def __init__(self, classes: int = 3) -> None:
        self.classes = classes

    def validate(self, password: str, user: User | None = None) -> None:
        if sum(bool(re.search(kind, password)) for kind in CLASSES) < self.classes:
            raise ValidationError(self.get_help_text(), code="password_too_plain")

    def get_help_text(self) -> str:
        return _(
            "Mix at least %(count)d of the four kinds: capital letters, small letters, digits, "
            "other signs."
        ) % {"count": self.classes}


class NameValidator:
    """Refuse a password that holds the user name (of four signs or more)."""

    def validate(self, password: str, user: User | None = None) -> None:
        name = user.username.lower() if user else ""
        if len(name) >= 4 and name in password.lower():
            raise ValidationError(self.get_help_text(), code="password_holds_name")

    def get_help_text(self) -> str:
        return _("Without your user name in it.")


class NotOneOfTheLastValidator:
    """Refuse the last ``count`` passwords of the person, the present one among them.

    Django calls ``password_changed`` after it has saved a new password, whichever way it came; the
    hash and the time of the change are noted there.
    """

    def __init__(self, count: int = 5) -> None:
        self.count = count

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None or user.pk is None:
            return
        records = PasswordRecord.objects.filter(user=user).order_by("-set_at", "-pk")
        earlier = [*records.values_list("password", flat=True)[: self.count]]
        if user.password and user.password not in earlier:
            earlier = [user.password, *earlier[: self.count - 1]]
        if any(check_password(password, one) for one in earlier):
            raise ValidationError(self.get_help_text(), code="password_used_before")

    def get_help_text(self) -> str:
        return _("Not one of your last %(count)d passwords.") % {"count": self.count}

    def password_changed(self, password: str, user: User | None = None) -> None:
        if user is None or user.pk is None:
            return
        now = timezone.now()
        PasswordRecord.objects.create(user=user, password=user.password, set_at=now)
        user.password_changed_at = now
        User.objects.filter(pk=user.pk).update(password_changed_at=now)


def is_aged(user: User, *, now: datetime) -> bool:
    """Tell whether the person's password is older than ``PASSWORD_AGE_DAYS`` (0: never)."""
    if not settings.PASSWORD_AGE_DAYS:
        return False
    since = user.password_changed_at or user.date_joined
    return now - since > timedelta(days=settings.PASSWORD_AGE_DAYS)


def must_change(user: User, *, now: datetime) -> bool:
    """Tell whether the person has to choose a new password before anything else."""
    return user.must_change_password or is_aged(user, now=now)


def starting_password() -> str:
    """Return a password for somebody else's first sign-in: easy to read out, 70 random bits."""
    groups = [
        "".join(secrets.choice(kind) for kind in (*_LETTERS, "".join(_LETTERS))) for _n in range(3)
    ]
    return "-".join(groups)
