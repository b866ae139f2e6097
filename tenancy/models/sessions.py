"""Sessions as their owners see and end them, and the passwords that may not come back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenancy.models.people import User


class UserSession(models.Model):
    """One sign-in of a person on one device 会话; ending it signs that device out at once."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("user")
    )
    session_key = models.CharField(max_length=40, unique=True, verbose_name=_("session"))
    started_at = models.DateTimeField(_("signed in"))
    latest_at = models.DateTimeField(_("last used"))
    address = models.GenericIPAddressField(_("from address"), null=True)
    device = models.CharField(_("device"), max_length=200, blank=True)  # User-Agent, cut
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("why ended"), max_length=20, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            # the account page: a person's sessions, newest first
            models.Index(fields=["user", "-started_at"], name="tenancy_sessions_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.started_at:%Y-%m-%d %H:%M}"


class PasswordRecord(models.Model):
    """The hash of a password that somebody had; the last few may not be chosen again."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="password_records")
    password = models.CharField(max_length=128)
    set_at = models.DateTimeField()

    class Meta:
        verbose_name = _("earlier password")
        verbose_name_plural = _("earlier passwords")

    def __str__(self) -> str:
        return f"{self.user_id} {self.set_at:%Y-%m-%d}"
