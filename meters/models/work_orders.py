"""Work orders for operator companies."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from enterprises.models import Site
from meters.models.devices import Collector, MonitoringPoint
from tenancy.models import OperatorCompany, User
from tenancy.scoping import Reach, ScopedQuerySet


class WorkOrderKind(models.TextChoices):
    FAULT = "FAULT", _("Fault")
    REPLACEMENT = "REPLACEMENT", _("Replacement")
    CALIBRATION = "CALIBRATION", _("Calibration")
    INSTALLATION = "INSTALLATION", _("Installation")
    INSPECTION = "INSPECTION", _("Inspection")


class WorkOrderStatus(models.TextChoices):
    OPEN = "OPEN", _("Open")
    ACCEPTED = "ACCEPTED", _("Taken on")
    DONE = "DONE", _("Reported done")
    CONFIRMED = "CONFIRMED", _("Confirmed")
    RETURNED = "RETURNED", _("Sent back")
    CANCELLED = "CANCELLED", _("Cancelled")


class WorkOrderQuerySet(ScopedQuerySet["WorkOrder"]):
    reach = Reach("site__enterprise__county", "site__enterprise", site="site")


class WorkOrder(models.Model):
    """A piece of work on a site's monitoring devices 运维工单; moves by ``meters.work_orders``."""

    number = models.CharField(_("number"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=15, choices=WorkOrderKind)
    status = models.CharField(
        _("status"), max_length=10, choices=WorkOrderStatus, default=WorkOrderStatus.OPEN
    )
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="work_orders", verbose_name=_("site")
    )
    collector = models.ForeignKey(
        Collector,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="work_orders",
        verbose_name=_("collector"),
    )
    point = models.ForeignKey(
        MonitoringPoint,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="work_orders",
        verbose_name=_("monitoring point"),
    )
    company = models.ForeignKey(
        OperatorCompany,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="work_orders",
        verbose_name=_("operator company"),
    )
    text = models.TextField(_("what is to be done"))
    opened_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("opened by")
    )
    is_official = models.BooleanField(_("opened by an authority"), default=True)
    opened_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(_("due"))

    objects = WorkOrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("work order")
        verbose_name_plural = _("work orders")
        indexes = [
            # the list: what is open, by due time
            models.Index(fields=["status", "due_at"], name="meters_workorders_due"),
        ]

    def __str__(self) -> str:
        return self.number


class WorkOrderSerial(models.Model):
    """How many work orders a local day has had; gives their numbers out without collisions."""

    day = models.DateField(primary_key=True)
    latest = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("serial number of work orders")
        verbose_name_plural = _("serial numbers of work orders")

    def __str__(self) -> str:
        return f"{self.day} {self.latest}"


class WorkOrderLogQuerySet(ScopedQuerySet["WorkOrderLog"]):
    reach = Reach(
        "work_order__site__enterprise__county",
        "work_order__site__enterprise",
        site="work_order__site",
    )


class WorkOrderLog(models.Model):
    """One move of a work order, with what was said; appended, never changed."""

    work_order = models.ForeignKey(
        WorkOrder, on_delete=models.CASCADE, related_name="log", verbose_name=_("work order")
    )
    from_status = models.CharField(
        max_length=10, choices=WorkOrderStatus, blank=True, verbose_name=_("status before")
    )
    to_status = models.CharField(
        max_length=10, choices=WorkOrderStatus, verbose_name=_("status after")
    )
    at = models.DateTimeField(_("at"))
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("done by")
    )
    body = models.CharField(_("for which body"), max_length=150, blank=True)
    note = models.TextField(_("note"), blank=True)

    objects = WorkOrderLogQuerySet.as_manager()

    class Meta:
        verbose_name = _("move of a work order")
        verbose_name_plural = _("moves of work orders")

    def __str__(self) -> str:
        return f"{self.work_order}: {self.to_status}"
