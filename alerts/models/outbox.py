"""The outbox: what is to be told to whom, committed with the fact itself."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alerts.models.alert import Alert
from tenancy.models import User
from tenancy.scoping import Reach, ScopedQuerySet


class Channel(models.TextChoices):
    SMS = "SMS", _("SMS")
    EMAIL = "EMAIL", _("Email")


class NotificationState(models.TextChoices):
    QUEUED = "QUEUED", _("Queued")
    IN_FLIGHT = "IN_FLIGHT", _("Being sent")
    RETRY = "RETRY", _("To be tried again")
    SENT = "SENT", _("Handed to the provider")
    FAILED = "FAILED", _("Failed")
    UNKNOWN = "UNKNOWN", _("Outcome unknown, being looked up")


class NotificationQuerySet(ScopedQuerySet["Notification"]):
    reach = Reach(county="alert__county", enterprise="alert__enterprise")


class Notification(models.Model):
    """One message to one person over one channel 通知. The row is the truth, the broker a doorbell.

    Text is rendered and stored when queued, so that what was said can be shown. ``key`` names the
    event, person and channel once and for all; it is also the provider's idempotency key.
    """

    key = models.CharField(max_length=120, unique=True, verbose_name=_("key"))
    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, related_name="notifications", verbose_name=_("alert")
    )
    recipient = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="notifications", verbose_name=_("recipient")
    )
    audience = models.CharField(_("told as"), max_length=30)  # the recipient's Role then
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    address = models.CharField(_("address"), max_length=254)
    subject = models.CharField(_("subject"), max_length=200, blank=True)
    text = models.TextField(_("text"))
    html = models.TextField(blank=True, verbose_name=_("text as HTML"))
    state = models.CharField(
        _("state"), max_length=10, choices=NotificationState, default=NotificationState.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0, verbose_name=_("attempts"))
    created_at = models.DateTimeField(_("queued"))
    due_at = models.DateTimeField(verbose_name=_("to be sent at"))
    in_flight_since = models.DateTimeField(null=True, verbose_name=_("being sent since"))
    lease_until = models.DateTimeField(null=True, verbose_name=_("being sent until"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    provider_id = models.CharField(max_length=80, blank=True, verbose_name=_("provider's number"))
    error = models.CharField(_("error"), max_length=300, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.CheckConstraint(
                name="alerts_notification_sent_has_time",
                condition=~Q(state="SENT") | Q(sent_at__isnull=False),
            ),
            models.CheckConstraint(
                name="alerts_notification_in_flight_has_lease",
                condition=~Q(state="IN_FLIGHT") | Q(lease_until__isnull=False),
            ),
        ]
        indexes = [
            # dispatcher: what is due
            models.Index(
                fields=["due_at"],
                name="alerts_notification_due",
                condition=Q(state__in=["QUEUED", "RETRY", "UNKNOWN", "IN_FLIGHT"]),
            ),
            # messages page: newest first
            models.Index(fields=["-created_at"], name="alerts_notification_newest"),
        ]

    def __str__(self) -> str:
        return self.key
