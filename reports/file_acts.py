"""What can be changed on the enterprise file: each act with its form, its right and its operation.

One table, so that a page, a test and a list of routes see the same acts. The object of an act is
fetched through ``visible_to`` within the enterprise (404 else), then the right is asked for (403).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from enterprises import operations as file_operations
from enterprises.models import (
    Contact,
    Enterprise,
    Facility,
    LineGrade,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
)
from meters import operations as device_operations
from meters.models import Collector, CollectorDevice, Meter, MonitoringPoint
from meters.operations.devices import newest_mark as rows_mark
from meters.operations.pairings import pairing_mark
from meters.operations.thresholds import newest_mark as threshold_mark
from reports.forms import file as forms
from tenancy.access import Permission, require
from tenancy.models import User

Words = str | Promise

SAVE = _("Save")
EDIT, DEVICES = Permission.EDIT_FILE, Permission.EDIT_DEVICES
APPROVE = Permission.APPROVE_PAIRINGS

#: subject -> model, lookup to its enterprise, path of attributes to its site ("" for none)
SUBJECTS: dict[str, tuple[type[Model], str, str]] = {
    "contact": (Contact, "enterprise", ""),
    "site": (Site, "enterprise", "self"),
    "line": (ProductionLine, "site__enterprise", "site"),
    "facility": (Facility, "site__enterprise", "site"),
    "threshold": (Threshold, "facility__site__enterprise", "facility.site"),
    "pairing": (Pairing, "site__enterprise", "site"),
    "collector": (Collector, "enterprise", "site"),
    "point": (MonitoringPoint, "collector__enterprise", "collector.site"),
    "grade": (LineGrade, "line__site__enterprise", "line.site"),
    "meter": (Meter, "point__collector__enterprise", "point.collector.site"),
    "device": (CollectorDevice, "collector__enterprise", "collector.site"),
}


def _nothing(subject: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Act:
    """One change as a page with a form."""

    name: str
    subject: str  # a key of SUBJECTS; empty: the enterprise itself
    permission: Permission
    title: Words
    form: type[forms.FileForm]
    run: Callable[..., Any]  # run(subject, actor=, now=, **values)
    done: Words
    edits: bool = False  # the form begins with what the subject holds
    says: Words = ""  # what will happen
    button: Words = SAVE
    is_destructive: bool = False
    takes_seen: bool = False
    needs_site: bool = False  # the form wants the site's facilities or lines
    mark: Callable[[Any], str] = _nothing
    initial: Callable[[Any], dict[str, Any]] | None = None


def _of(fields: tuple[str, ...]) -> Callable[[Any], str]:
    return lambda row: file_operations.mark(row, fields)


def _newest(rows: Any) -> str:
    return rows_mark(list(rows.order_by("valid_from")))


def _last_values(rows: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    row = rows.order_by("-valid_from").first()
    return {name: getattr(row, name) for name in fields} if row else {}


def _pairing_values(pairing: Pairing) -> dict[str, Any]:
    names = ("stage", "mode", "at_least", "lead_s", "lag_s", "min_ratio")
    return {name: getattr(pairing, name) for name in names} | {
        "productions": list(pairing.productions.all()),
        "controls": list(pairing.controls.all()),
    }


def _change_pairing(pairing: Pairing, **values: Any) -> Pairing:
    return device_operations.set_pairing(pairing.site, replaces=pairing, **values)


def _enable(collector: Collector, **values: Any) -> Collector:
    return device_operations.set_collector_enabled(collector, is_enabled=True, **values)


def _disable(collector: Collector, **values: Any) -> Collector:
    return device_operations.set_collector_enabled(collector, is_enabled=False, **values)


def _withdrawal(subject: str, permission: Permission, title: Words, run: Callable[..., Any]) -> Act:
    """Return the act that takes a planned record off; one that has begun the operation refuses."""
    return Act(
        f"withdraw-{subject}",
        subject,
        permission,
        title,
        forms.ReasonForm,
        run,
        _("The planned record is withdrawn; what was in force goes on."),
        says=_(
            "Nothing has been judged by it yet. What it was to follow goes on as it stands; the "
            "audit log keeps what was planned, who withdrew it and why."
        ),
        button=_("Withdraw it"),
        is_destructive=True,
    )


KEPT = _("The record before stays on file; evidence keeps the values of its own time.")

ACTS = {
    act.name: act
    for act in (
        Act(
            "edit-enterprise",
            "",
            EDIT,
            _("Edit the enterprise"),
            forms.EnterpriseForm,
            file_operations.update_enterprise,
            _("The enterprise is saved."),
            edits=True,
            takes_seen=True,
            mark=_of(file_operations.ENTERPRISE_FIELDS),
        ),
        Act(
            "add-contact",
            "",
            EDIT,
            _("Add a contact"),
            forms.ContactForm,
            file_operations.add_contact,
            _("The contact is on file."),
        ),
        Act(
            "edit-contact",
            "contact",
            EDIT,
            _("Edit the contact"),
            forms.ContactForm,
            file_operations.update_contact,
            _("The contact is saved."),
            edits=True,
            takes_seen=True,
            mark=_of(file_operations.CONTACT_FIELDS),
        ),
        Act(
            "remove-contact",
            "contact",
            EDIT,
            _("Take the contact off"),
            forms.EmptyForm,
            file_operations.remove_contact,
            _("The contact is off the file."),
            says=_("Messages no longer reach this person. The audit log keeps who it was."),
            button=_("Take it off"),
            is_destructive=True,
        ),
        Act(
            "add-site",
            "",
            EDIT,
            _("Add a site"),
            forms.SiteForm,
            file_operations.add_site,
            _("The site is on file."),
        ),
        Act(
            "edit-site",
            "site",
            EDIT,
            _("Edit the site"),
            forms.SiteForm,
            file_operations.update_site,
            _("The site is saved."),
            edits=True,
            takes_seen=True,
            mark=_of(file_operations.SITE_FIELDS),
        ),
        Act(
            "add-line",
            "site",
            EDIT,
            _("Add a production line"),
            forms.LineForm,
            file_operations.add_line,
            _("The line is on file."),
        ),
        Act(
            "edit-line",
            "line",
            EDIT,
            _("Edit the production line"),
            forms.LineForm,
            file_operations.update_line,
            _("The line is saved."),
            edits=True,
            takes_seen=True,
            mark=_of(file_operations.LINE_FIELDS),
        ),
        Act(
            "set-grade",
            "line",
            EDIT,
            _("Set the performance grade"),
            forms.GradeForm,
            file_operations.set_grade,
            _("The grade is on file."),
            says=KEPT,
        ),
        Act(
            "add-facility",
            "site",
            EDIT,
            _("Add a facility"),
            forms.FacilityForm,
            file_operations.create_facility,
            _("The facility is on file."),
            needs_site=True,
        ),
        Act(
            "edit-facility",
            "facility",
            EDIT,
            _("Edit the facility"),
            forms.FacilityForm,
            device_operations.update_facility,
            _("The facility is saved."),
            edits=True,
            says=_(
                "Another class, rated power or voltage has all that it sent judged again where no "
                "threshold is set."
            ),
            takes_seen=True,
            needs_site=True,
            mark=_of(file_operations.FACILITY_FIELDS),
        ),
        Act(
            "retire-facility",
            "facility",
            EDIT,
            _("Take the facility out of use"),
            forms.ReasonForm,
            device_operations.retire_facility,
            _("The facility is out of use. Its records stay on file."),
            says=_(
                "From now on its points take no readings. Pairings go on without it where enough "
                "facilities are left, else they end. Everything recorded stays. This cannot be "
                "undone."
            ),
            button=_("Take it out of use"),
            is_destructive=True,
        ),
        Act(
            "set-threshold",
            "facility",
            EDIT,
            _("Set the on/off threshold"),
            forms.ThresholdForm,
            device_operations.set_threshold,
            _("The threshold is on file. It counts at once and waits for approval."),
            says=KEPT,
            takes_seen=True,
            mark=threshold_mark,
            initial=lambda facility: _last_values(
                facility.thresholds, ("off_below_kw", "on_from_kw", "reference_kw", "source")
            ),
        ),
        Act(
            "approve-threshold",
            "threshold",
            APPROVE,
            _("Approve the threshold"),
            forms.EmptyForm,
            device_operations.approve_threshold,
            _("The threshold is approved under your name."),
            says=_("Your name and the time are put under it. This cannot be taken back."),
            button=_("Approve"),
        ),
        Act(
            "add-pairing",
            "site",
            EDIT,
            _("Add a pairing"),
            forms.PairingForm,
            device_operations.set_pairing,
            _("The pairing is on file. It counts at once and waits for approval."),
            needs_site=True,
        ),
        Act(
            "change-pairing",
            "pairing",
            EDIT,
            _("Change the pairing"),
            forms.PairingForm,
            _change_pairing,
            _("The pairing is on file. It counts at once and waits for approval."),
            says=KEPT,
            takes_seen=True,
            needs_site=True,
            mark=pairing_mark,
            initial=_pairing_values,
        ),
        Act(
            "end-pairing",
            "pairing",
            EDIT,
            _("End the pairing"),
            forms.EndPairingForm,
            device_operations.end_pairing,
            _("The pairing ends at the time you gave."),
            says=_("From then on the production may run without these controls at this stage."),
            button=_("End it"),
            is_destructive=True,
            takes_seen=True,
            mark=pairing_mark,
        ),
        Act(
            "approve-pairing",
            "pairing",
            APPROVE,
            _("Approve the pairing"),
            forms.EmptyForm,
            device_operations.approve_pairing,
            _("The pairing is approved under your name."),
            says=_("Your name and the time are put under it. This cannot be taken back."),
            button=_("Approve"),
        ),
        Act(
            "add-collector",
            "site",
            DEVICES,
            _("Add a collector"),
            forms.NewCollectorForm,
            device_operations.add_collector,
            _("The collector is on file. It may send within seconds."),
        ),
        Act(
            "edit-collector",
            "collector",
            DEVICES,
            _("Edit the collector"),
            forms.CollectorForm,
            device_operations.update_collector,
            _("The collector is saved."),
            edits=True,
            takes_seen=True,
            mark=_of(device_operations.COLLECTOR_FIELDS),
        ),
        Act(
            "disable-collector",
            "collector",
            DEVICES,
            _("Disable the collector"),
            forms.EmptyForm,
            _disable,
            _("The collector is disabled."),
            says=_(
                "Its frames are refused from now on and no alert says that it is silent. It can be "
                "enabled again."
            ),
            button=_("Disable"),
            is_destructive=True,
        ),
        Act(
            "enable-collector",
            "collector",
            DEVICES,
            _("Enable the collector"),
            forms.EmptyForm,
            _enable,
            _("The collector is enabled."),
            says=_("Its frames are taken again within seconds."),
            button=_("Enable"),
        ),
        Act(
            "replace-device",
            "collector",
            DEVICES,
            _("Replace the hardware"),
            forms.DeviceForm,
            device_operations.replace_device,
            _("The device is on file."),
            says=KEPT,
            takes_seen=True,
            mark=lambda collector: _newest(collector.devices),
            initial=lambda collector: _last_values(collector.devices, ("vendor", "model")),
        ),
        Act(
            "add-point",
            "collector",
            DEVICES,
            _("Add a monitoring point"),
            forms.PointForm,
            device_operations.add_point,
            _("The point is on file. Its readings are taken within seconds."),
            needs_site=True,
        ),
        Act(
            "retire-point",
            "point",
            DEVICES,
            _("Retire the point"),
            forms.ReasonForm,
            device_operations.retire_point,
            _("The point is retired. Its readings stay with its facility."),
            says=_(
                "From now on nothing is taken for this circuit and its meter record ends. Readings "
                "stay. This cannot be undone; a new point can take the circuit."
            ),
            button=_("Retire it"),
            is_destructive=True,
        ),
        Act(
            "replace-meter",
            "point",
            DEVICES,
            _("Enter a meter, ratio, certificate or seal"),
            forms.MeterForm,
            device_operations.replace_meter,
            _("The meter record is on file."),
            says=KEPT,
            takes_seen=True,
            needs_site=True,
            mark=lambda point: _newest(point.meters),
            initial=lambda point: _last_values(point.meters, device_operations.METER_FIELDS),
        ),
        _withdrawal("grade", EDIT, _("Withdraw the planned grade"), file_operations.withdraw_grade),
        _withdrawal(
            "threshold",
            EDIT,
            _("Withdraw the planned threshold"),
            device_operations.withdraw_threshold,
        ),
        _withdrawal(
            "pairing", EDIT, _("Withdraw the planned pairing"), device_operations.withdraw_pairing
        ),
        _withdrawal(
            "meter",
            DEVICES,
            _("Withdraw the planned meter record"),
            device_operations.withdraw_meter,
        ),
        _withdrawal(
            "device",
            DEVICES,
            _("Withdraw the planned hardware"),
            device_operations.withdraw_device,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """An act with what it is done to."""

    act: Act
    subject: Any
    site: Site | None
    enterprise: Enterprise

    def make_form(self, data: Any = None) -> forms.FileForm:
        kwargs: dict[str, Any] = {"site": self.site} if self.act.needs_site else {}
        if self.act.edits:
            kwargs["instance"] = self.subject
        initial = self.act.initial(self.subject) if self.act.initial else {}
        if self.act.takes_seen:
            initial["seen"] = self.act.mark(self.subject)
        return self.act.form(data, initial=initial, **kwargs)

    def perform(self, form: forms.FileForm, *, actor: User, now: datetime) -> None:
        """Do it; raises ``ValidationError`` where the operation refuses."""
        values = form.values()
        if self.act.takes_seen:
            values["seen"] = form.cleaned_data.get("seen") or None
        self.act.run(self.subject, actor=actor, now=now, **values)


def prepare(enterprise: Enterprise, name: str, subject_id: int | None, *, actor: User) -> Prepared:
    """Return the act with its object; ``Http404`` outside the scope, ``PermissionDenied`` inside.

    An act that asks for an object is not there without one, and the other way round.
    """
    act = ACTS.get(name)
    if act is None or bool(act.subject) != (subject_id is not None):
        raise Http404
    if not act.subject:
        require(actor, act.permission, enterprise=enterprise)
        return Prepared(act, enterprise, None, enterprise)
    model, lookup, path = SUBJECTS[act.subject]
    visible = model.objects.visible_to(actor)  # type: ignore[attr-defined]
    subject = get_object_or_404(visible.filter(**{lookup: enterprise}), pk=subject_id)
    site = _site_of(subject, path)
    if site is None:
        require(actor, act.permission, enterprise=enterprise)
    else:
        site.enterprise = enterprise
        require(actor, act.permission, site=site)
    return Prepared(act, subject, site, enterprise)


def _site_of(subject: Any, path: str) -> Site | None:
    if not path:
        return None
    if path == "self":
        return subject
    for name in path.split("."):
        subject = getattr(subject, name)
    return subject
