"""The filters of the lists, as they stand in the URL."""

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert, AlertStatus, Level, RuleCode
from alerts.models.alert import UNREVIEWED_STATUSES
from enterprises.models import (
    INSTALLED_STATUSES,
    NOT_COUNTED_STATUSES,
    Enterprise,
    Facility,
    Industry,
)
from meters.models import Collector, Meter
from reports.queries.alerts import in_county

#: Beside the statuses themselves: what nobody has decided yet.
UNREVIEWED = "unreviewed"


class AlertFilter(django_filters.FilterSet):
    level = django_filters.ChoiceFilter(choices=Level.choices, label=_("Level"))
    rule = django_filters.ChoiceFilter(choices=RuleCode.choices, label=_("Rule"))
    status = django_filters.ChoiceFilter(
        choices=[(UNREVIEWED, _("Suspected, to be handled")), *AlertStatus.choices],
        method="by_status",
        label=_("Status"),
    )
    ongoing = django_filters.BooleanFilter(field_name="is_ongoing", label=_("Going on"))
    county = django_filters.CharFilter(method="by_county", label=_("County"))
    enterprise = django_filters.NumberFilter(field_name="enterprise_id", label=_("Enterprise"))

    class Meta:
        model = Alert
        fields = ("level", "rule", "status", "ongoing", "county", "enterprise")

    def by_status(self, queryset: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        if value == UNREVIEWED:
            return queryset.filter(status__in=UNREVIEWED_STATUSES)
        return queryset.filter(status=value)

    def by_county(self, queryset: QuerySet[Alert], name: str, value: str) -> QuerySet[Alert]:
        return queryset.filter(in_county(value))


class Standing:
    """What one looks for in the list of enterprises."""

    SUSPECTED = "suspected"
    MISSING = "missing"
    INSTALLED = "installed"
    CHOICES = (
        (SUSPECTED, _("With suspected alerts")),
        (MISSING, _("Not installed yet")),
        (INSTALLED, _("Installed")),
    )


class EnterpriseFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="by_words", label=_("Search"))
    county = django_filters.CharFilter(method="by_county", label=_("County"))
    industry = django_filters.ChoiceFilter(choices=Industry.choices, label=_("Industry"))
    standing = django_filters.ChoiceFilter(
        choices=Standing.CHOICES, method="by_standing", label=_("Standing")
    )

    class Meta:
        model = Enterprise
        fields = ("q", "county", "industry", "standing")

    def by_words(
        self, queryset: QuerySet[Enterprise], name: str, value: str
    ) -> QuerySet[Enterprise]:
        """Find by name, number, credit code, facility, collector or meter."""
        words = value.strip()
        of_it = {"enterprise": OuterRef("pk")}
        facilities = Facility.objects.filter(site__enterprise=OuterRef("pk"), name__icontains=words)
        collectors = Collector.objects.filter(mn__iexact=words, **of_it)
        meters = Meter.objects.filter(
            serial__iexact=words, point__facility__site__enterprise=OuterRef("pk")
        )
        return queryset.filter(
            Q(name__icontains=words)
            | Q(code__iexact=words)
            | Q(credit_code__iexact=words)
            | Exists(facilities)
            | Exists(collectors)
            | Exists(meters)
        )

    def by_county(
        self, queryset: QuerySet[Enterprise], name: str, value: str
    ) -> QuerySet[Enterprise]:
        return queryset.filter(in_county(value))

    def by_standing(
        self, queryset: QuerySet[Enterprise], name: str, value: str
    ) -> QuerySet[Enterprise]:
        if value == Standing.SUSPECTED:
            suspected = Alert.objects.filter(enterprise=OuterRef("pk")).unreviewed()
            return queryset.filter(Exists(suspected))
        if value == Standing.MISSING:
            return queryset.exclude(installation_status__in=INSTALLED_STATUSES).exclude(
                installation_status__in=NOT_COUNTED_STATUSES
            )
        return queryset.filter(installation_status__in=INSTALLED_STATUSES)
