"""The forms of the enterprise file: what may be typed; the operations decide whether it holds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from common.localtime import to_local
from enterprises.industries import CLASSES
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
from enterprises.operations import CONTACT_FIELDS, ENTERPRISE_FIELDS, FACILITY_FIELDS, SITE_FIELDS
from meters.models import Collector, CollectorDevice, Meter, WorkOrder, WorkOrderStatus
from meters.operations import COLLECTOR_FIELDS, DEVICE_FIELDS, METER_FIELDS
from meters.operations.pairings import CONTROLS, PRODUCES
from tenancy.models import Division, DivisionKind


class MomentInput(forms.DateTimeInput):
    """A day and minute on Shanghai's clock."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class FileForm(forms.ModelForm):
    """A form for one operation. It checks what is typed field by field and saves nothing.

    ``seen`` is the mark of what the person looked at, carried along for the operation.
    """

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.DateTimeField):
                field.widget = MomentInput()
            elif isinstance(field, forms.DateField):
                field.widget = DayInput()
            field.widget.is_required = False  # the server says what is missing, in one place
        if "valid_from" in self.fields:
            self.fields["valid_from"].required = True
            self.fields["valid_from"].initial = _this_minute()
            self.fields["valid_from"].help_text = gettext(
                "Beijing time. Up to a year ahead; a time in the past needs a reason, and what was "
                "sent since then is judged again."
            )

    def _post_clean(self) -> None:
        """Leave the row alone: the operation reads it again under a lock and checks it whole."""

    def values(self) -> dict[str, Any]:
        """Return what the operation takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def refuse(self, error: ValidationError) -> None:
        """Show the operation's refusal at the fields it names."""
        by_field: Mapping[str, Any] = (
            error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
        )
        for name, errors in by_field.items():
            self.add_error(name if name in self.fields else None, list(errors))


def _this_minute() -> datetime:
    return to_local(timezone.now()).replace(second=0, microsecond=0)


class EnterpriseForm(FileForm):
    class Meta:
        model = Enterprise
        fields = ENTERPRISE_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        divisions = Division.objects.exclude(kind__in=[DivisionKind.PROVINCE, DivisionKind.CITY])
        county = self.fields["county"]
        assert isinstance(county, forms.ModelChoiceField)  # noqa: S101
        county.queryset = divisions.order_by("code")
        self.fields["credit_code"].widget.attrs.update({"spellcheck": "false", "maxlength": "18"})
        self.fields["industry_code"].widget.attrs["list"] = "industry-classes"
        self.fields["industry_code"].help_text = gettext(
            "Four digits, such as 3391 for iron casting. A code that is not in the list is taken."
        )
        self.fields["performance_grade"].help_text = gettext(
            "Of the enterprise as a whole; each line has its own grades with dates."
        )

    @property
    def industry_classes(self) -> list[Any]:
        return list(CLASSES.values())


class ContactForm(FileForm):
    class Meta:
        model = Contact
        fields = CONTACT_FIELDS


class SiteForm(FileForm):
    class Meta:
        model = Site
        fields = SITE_FIELDS


class LineForm(FileForm):
    class Meta:
        model = ProductionLine
        fields = ("name", "position")


class GradeForm(FileForm):
    class Meta:
        model = LineGrade
        fields = ("grade", "valid_from", "basis")
        help_texts = {
            "grade": _("A, B, B-, C or D; for other industries LEADING or NOT_LEADING."),
            "basis": _("The notice or guide that it rests on."),
        }


class FacilityForm(FileForm):
    class Meta:
        model = Facility
        fields = FACILITY_FIELDS
        help_texts = {
            "duty_group": _("Machines of one group stand in for each other, such as 1# and 2#."),
            "keep_warm_kw": _("What may run lawfully while production stands still."),
            "rated_kw": _("As on the nameplate."),
        }

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line = self.fields["line"]
        assert isinstance(line, forms.ModelChoiceField)  # noqa: S101
        line.queryset = ProductionLine.objects.filter(site=site).order_by("position", "pk")


class ThresholdForm(FileForm):
    class Meta:
        model = Threshold
        fields = ("off_below_kw", "on_from_kw", "reference_kw", "source", "valid_from", "reason")


class FacilityChoice(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Model) -> str:
        return f"{obj} · {obj.get_kind_display()}"  # type: ignore[attr-defined]


class PairingForm(FileForm):
    productions = FacilityChoice(
        Facility.objects.none(),
        label=_("Production facilities"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("While one of these runs ..."),
    )
    controls = FacilityChoice(
        Facility.objects.none(),
        label=_("Control facilities"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("... these must run, as the mode says."),
    )
    at_least = forms.IntegerField(
        label=_("At least"),
        required=False,
        min_value=1,
        help_text=_("How many controls, for the mode At least."),
    )

    class Meta:
        model = Pairing
        fields = (
            "stage",
            "productions",
            "controls",
            "mode",
            "at_least",
            "lead_s",
            "lag_s",
            "min_ratio",
            "valid_from",
            "reason",
        )
        help_texts = {
            "stage": _("One pairing for each stage, such as dedusting or desulphurisation."),
            "lead_s": _(
                "How long before production the control must run; empty: as the rule says."
            ),
            "lag_s": _("How long after production the control must run on; empty: likewise."),
        }

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standing = Facility.objects.filter(site=site, retired_at__isnull=True)
        for name, kinds in (("productions", PRODUCES), ("controls", CONTROLS)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101
            field.queryset = standing.filter(kind__in=kinds).order_by("position", "pk")


class EndPairingForm(FileForm):
    valid_to = forms.DateTimeField(label=_("Ends"), initial=_this_minute)

    class Meta:
        model = Pairing
        fields = ("valid_to", "reason")


class ReasonForm(FileForm):
    """Only a reason; the model is there for the words of its label."""

    class Meta:
        model = Meter
        fields = ("reason",)


class EmptyForm(FileForm):
    class Meta:
        model = Meter
        fields: tuple[str, ...] = ()


class CollectorForm(FileForm):
    class Meta:
        model = Collector
        fields = COLLECTOR_FIELDS


class NewCollectorForm(FileForm):
    mn = forms.CharField(
        label=_("MN"),
        max_length=60,
        help_text=_("24 characters 0-9 A-F; older devices keep the number that they have."),
    )

    class Meta:
        model = Collector
        fields = COLLECTOR_FIELDS

    field_order = ("mn",)


class DeviceForm(FileForm):
    class Meta:
        model = CollectorDevice
        fields = (*DEVICE_FIELDS, "valid_from", "reason")


class PointForm(FileForm):
    circuit = forms.CharField(
        label=_("Circuit"), max_length=20, help_text=_("As the collector names it in its frames.")
    )
    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        label=_("Facility"),
        help_text=_("For good: a point is never moved to another facility."),
    )

    class Meta:
        model = Meter
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facility = self.fields["facility"]
        assert isinstance(facility, forms.ModelChoiceField)  # noqa: S101
        facility.queryset = Facility.objects.filter(site=site, retired_at__isnull=True).order_by(
            "position", "pk"
        )


class MeterForm(FileForm):
    class Meta:
        model = Meter
        fields = (*METER_FIELDS, "valid_from", "reason", "work_order")

    def __init__(self, *args: Any, site: Site, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        work_order = self.fields["work_order"]
        assert isinstance(work_order, forms.ModelChoiceField)  # noqa: S101
        work_order.queryset = (
            WorkOrder.objects.filter(site=site)
            .exclude(status=WorkOrderStatus.CANCELLED)
            .order_by("-pk")
        )
