"""The forms of the programme: batches, acts on their members, survey sheets."""

from datetime import date
from typing import Any, cast

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from enterprises.models import (
    Enterprise,
    Facility,
    FacilityKind,
    Industry,
    InstallationBatch,
    SurveySheet,
)
from enterprises.surveys import MOST_ROWS, TEXT_CHARACTERS, SurveyRow, rows_of
from reports.queries.alerts import in_county
from tenancy.access import Permission, get_authority
from tenancy.models import Division, OperatorCompany, User

SPARE_ROWS = 3  # empty rows of a survey form; more on demand


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


def divisions_managed(actor: User) -> Any:
    """Return the divisions for which the actor may issue a batch."""
    authority = get_authority(actor)
    if authority.is_superuser:
        return Division.objects.order_by("code")
    found = Division.objects.none()
    for holding in authority.holdings_with(Permission.MANAGE_PROGRAMME):
        if holding.division_path:
            found = found | Division.objects.filter(path__startswith=holding.division_path)
    return found.order_by("code")


def companies_for(division: Division) -> Any:
    """Return the operator companies registered with the division or one above it."""
    codes = division.path.strip("/").split("/")
    paths = ["/".join(codes[:n]) + "/" for n in range(1, len(codes) + 1)]
    return OperatorCompany.objects.filter(division__path__in=paths).order_by("name", "pk")


class BatchForm(forms.ModelForm):
    class Meta:
        model = InstallationBatch
        fields = ("name", "document_number", "division", "issued_on", "due_on", "note")
        widgets = {"issued_on": DayInput(), "due_on": DayInput()}

    def __init__(self, *args: Any, actor: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField", self.fields["division"])
        field.queryset, field.empty_label = divisions_managed(actor), None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        issued, due = cleaned.get("issued_on"), cleaned.get("due_on")
        if issued and due and due < issued:
            self.add_error("due_on", _("The due date lies before the day of issue."))
        return cleaned


class AddForm(forms.Form):
    """Which enterprises come into a batch."""

    county = forms.ModelChoiceField(
        Division.objects.none(),
        to_field_name="code",
        required=False,
        label=_("County"),
        empty_label=_("All counties"),
    )
    industry = forms.ChoiceField(
        choices=[("", _("All industries")), *Industry.choices], required=False, label=_("Industry")
    )
    key_only = forms.BooleanField(required=False, label=_("Key enterprises only"))

    def __init__(self, *args: Any, division: Division, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        below = Division.objects.filter(path__startswith=division.path)
        cast("forms.ModelChoiceField", self.fields["county"]).queryset = below.order_by("code")

    def apply(self, enterprises: Any) -> Any:
        chosen = self.cleaned_data
        if chosen["county"]:
            enterprises = enterprises.filter(in_county(chosen["county"].code))
        if chosen["industry"]:
            enterprises = enterprises.filter(industry=chosen["industry"])
        return enterprises.filter(is_key=True) if chosen["key_only"] else enterprises


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=200, label=_("Reason"), strip=True)


class DueForm(ReasonForm):
    due_on = forms.DateField(widget=DayInput(), label=_("New due date"))
    field_order = ("due_on", "reason")


class CompanyForm(forms.Form):
    company = forms.ModelChoiceField(
        OperatorCompany.objects.none(), label=_("Operator company"), empty_label=None
    )

    def __init__(self, *args: Any, division: Division, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField", self.fields["company"])
        field.queryset = companies_for(division)


class SurveyForm(forms.Form):
    surveyed_on = forms.DateField(widget=DayInput(), label=_("Day of the survey"))
    finding = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=TEXT_CHARACTERS,
        required=False,
        label=_("Finding"),
        help_text=_("What stands on site, what hinders the installation, who was present."),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["surveyed_on"].initial = today

    def clean_surveyed_on(self) -> date:
        day: date = self.cleaned_data["surveyed_on"]
        if day > self.today:
            raise forms.ValidationError(_("The day of the survey has not come yet."))
        return day


class SurveyRowForm(forms.Form):
    name = forms.CharField(max_length=80, label=_("Facility"))
    kind = forms.ChoiceField(choices=[("", "—"), *FacilityKind.choices], label=_("Kind"))
    rated_kw = forms.FloatField(min_value=0, max_value=100_000, label=_("Rated power (kW)"))
    ct = forms.RegexField(
        r"^[0-9]{1,5}/[15]$",
        required=False,
        label=_("Proposed CT"),
        error_messages={"invalid": _("Write primary/secondary, such as 400/5.")},
        widget=forms.TextInput(attrs={"placeholder": "400/5"}),
    )
    place = forms.CharField(max_length=80, required=False, label=_("Cabinet and circuit"))

    def as_row(self) -> SurveyRow:
        return SurveyRow(**{name: self.cleaned_data[name] for name in self.base_fields})


class BaseSurveyRows(forms.BaseFormSet):
    deletion_widget = forms.CheckboxInput

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        label: str | Promise = _("Not needed")
        form.fields[forms.formsets.DELETION_FIELD_NAME].label = label

    def rows(self) -> list[SurveyRow]:
        """Return the rows that were filled in and not taken out."""
        return [
            form.as_row()
            for form in self.forms
            if form.cleaned_data.get("name") and form not in self.deleted_forms
        ]


def survey_rows(extra: int = SPARE_ROWS) -> Any:
    """Return the formset of a sheet's rows."""
    return forms.formset_factory(
        SurveyRowForm,
        formset=BaseSurveyRows,
        extra=extra,
        max_num=MOST_ROWS,
        absolute_max=MOST_ROWS,
        can_delete=True,
    )


def first_rows(enterprise: Enterprise) -> list[dict[str, Any]]:
    """Return what the form begins with: the latest sheet, else the registered facilities."""
    latest = SurveySheet.objects.filter(enterprise=enterprise).order_by("-recorded_at").first()
    if latest:
        return [
            {"name": r.name, "kind": r.kind, "rated_kw": r.rated_kw, "ct": r.ct, "place": r.place}
            for r in rows_of(latest)
        ]
    facilities = Facility.objects.filter(site__enterprise=enterprise, retired_at__isnull=True)
    ordered = facilities.order_by("position", "pk").values("name", "kind", "rated_kw")
    return [dict(row) for row in ordered]
