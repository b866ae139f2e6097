"""Forms of work orders."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from enterprises.models import Site
from meters.models import Collector, Meter, MonitoringPoint, WorkOrderKind


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class WorkOrderForm(forms.Form):
    """What is to be done, and on which device of the site."""

    kind = forms.ChoiceField(label=_("Kind of work"), choices=WorkOrderKind.choices)
    device = forms.ChoiceField(label=_("Device"), required=False)
    text = forms.CharField(
        label=_("What is to be done"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )

    def __init__(
        self,
        *args: Any,
        collectors: Sequence[Collector],
        points: Sequence[MonitoringPoint],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._devices: dict[str, Collector | MonitoringPoint] = {
            **{f"collector:{row.pk}": row for row in collectors},
            **{f"point:{row.pk}": row for row in points},
        }
        field = self.fields["device"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            ("", _("The site as a whole")),
            *(
                (
                    key,
                    f"{_('Collector')} {key_of(row)}"
                    if isinstance(row, Collector)
                    else key_of(row),
                )
                for key, row in self._devices.items()
            ),
        ]

    @property
    def chosen(self) -> dict[str, Collector | MonitoringPoint]:
        """The chosen device as an argument of ``open_work_order``."""
        key = self.cleaned_data.get("device", "")
        return {key.split(":")[0]: self._devices[key]} if key else {}


def key_of(row: Collector | MonitoringPoint) -> str:
    return row.mn if isinstance(row, Collector) else f"{row.facility.name} · {row.circuit}"


def say_points(meters: Iterable[Meter]) -> str:
    """Name every point whose meter must be verified, for the order's text."""
    points = [
        gettext("%(point)s (meter %(serial)s)") % {"point": key_of(row.point), "serial": row.serial}
        for row in meters
    ]
    return gettext("Points concerned: %(points)s.") % {
        "points": pgettext("between names in a list", ", ").join(points)
    }


def get_devices(site: Site) -> dict[str, Any]:
    """Return the collectors and points of a site as the form takes them; two queries."""
    points = MonitoringPoint.objects.in_use().filter(collector__site=site)
    return {
        "collectors": list(Collector.objects.filter(site=site).order_by("mn")),
        "points": list(
            points.select_related("facility", "collector").order_by("facility__position", "pk")
        ),
    }


class MeterForm(forms.Form):
    """The record of the meter after the work."""

    serial = forms.CharField(label=_("serial number"), max_length=40)
    model = forms.CharField(label=_("model"), max_length=60, required=False)
    accuracy_class = forms.CharField(label=_("accuracy class"), max_length=10)
    ct_ratio = forms.FloatField(label=_("CT ratio"), min_value=0.001)
    certificate_number = forms.CharField(label=_("certificate number"), max_length=60)
    certified_on = forms.DateField(label=_("verified"), widget=DayInput())
    certificate_expires_on = forms.DateField(label=_("certificate expires"), widget=DayInput())
    seal_numbers = forms.CharField(label=_("seal numbers"), max_length=120)


def meter_initial(meter: Meter | None, *, keeps_meter: bool) -> dict[str, Any]:
    """Return what of the old record holds still: a calibrated meter is the same, a new one not."""
    if meter is None:
        return {}
    kept = {"accuracy_class": meter.accuracy_class, "ct_ratio": meter.ct_ratio}
    return {**kept, "serial": meter.serial, "model": meter.model} if keeps_meter else kept
