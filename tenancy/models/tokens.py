"""What programs sign in with, and the answers that a repeated write gets again."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tenancy.models.people import User


class ApiToken(models.Model):
    """A key for a program that acts for a person 接口令牌: never more than the person may.

    Shown once, stored as the SHA-256 of its secret part; ``prefix`` finds the row.
    """

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="api_tokens", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=60)
    prefix = models.CharField(_("begins with"), max_length=12, unique=True)
    digest = models.CharField(max_length=64, verbose_name=_("check sum (SHA-256)"))
    scopes = models.JSONField(_("what it may do"), default=list)  # tenancy.tokens.SCOPES
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("valid until"))
    latest_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            models.CheckConstraint(
                name="tenancy_apitoken_ends_after_start",
                condition=Q(expires_at__gt=models.F("created_at")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class IdempotentAnswer(models.Model):
    """What a write with an idempotency key was answered; the same key gets the same answer."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=80)
    request_digest = models.CharField(max_length=64)  # method, path and body
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("idempotent answer")
        verbose_name_plural = _("idempotent answers")
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="tenancy_idempotent_key_once")
        ]

    def __str__(self) -> str:
        return self.key
