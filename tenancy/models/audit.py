"""The audit log 审计日志."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditEntry(models.Model):
    """Who did or looked at what, for which body, when and from where; old and new values.

    The table is made by SQL and append-only by trigger: no role, the owner included, can change or
    delete a row. Nothing here points to live rows, so that nothing here can be lost with them.
    ``tenancy.audit`` writes what people do; triggers write what changed in the tables.
    """

    at = models.DateTimeField(_("at"))
    actor_id = models.BigIntegerField(_("user number"), null=True)
    actor_name = models.CharField(_("who"), max_length=150, blank=True)
    body = models.CharField(_("for which body"), max_length=150, blank=True)  # 临汾市 · 执法队
    action = models.CharField(_("action"), max_length=60)  # dotted: "file.look", "grant.end"
    object_type = models.CharField(_("kind of object"), max_length=60, blank=True)  # table's name
    object_id = models.CharField(_("object"), max_length=60, blank=True)
    object_label = models.CharField(_("object's name"), max_length=200, blank=True)
    enterprise_id = models.BigIntegerField(_("enterprise number"), null=True)
    division_path = models.CharField(_("division"), max_length=80, blank=True)  # of the object then
    is_success = models.BooleanField(_("done"), default=True)
    address = models.GenericIPAddressField(_("from address"), null=True)
    session = models.CharField(
        _("session"), max_length=16, blank=True
    )  # start of the session key's SHA-256
    request = models.CharField(_("request"), max_length=36, blank=True)  # shared by what one did
    old = models.JSONField(_("before"), null=True)
    new = models.JSONField(_("after"), null=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        managed = False
        db_table = "tenancy_auditentry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor_name} {self.action}"
