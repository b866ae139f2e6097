"""The filters of the lists, as they stand in the URL."""

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert, AlertStatus, Level, RuleCode
from alerts.models.alert import UNREVIEWED_STATUSES
from enterprises.models import (
    INSTALLED_STATUSES,
    NOT_COUNTED_STATUSES,
    Enterprise,
    Industry,
    InstallationStatus,
    LineGrade,
)
from enterprises.search import find_by_words
from meters.models import Collector
from reports.queries.alerts import in_county
from reports.queries.online import is_online

#: Beside the statuses themselves: what nobody has decided yet.
UNREVIEWED = "unreviewed"
#: Rules that tell of the devices and not of the plant (domain reference 8).
DEVICE_RULES = (RuleCode.R10,)


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
    status = django_filters.ChoiceFilter(
        choices=InstallationStatus.choices,
        field_name="installation_status",
        label=_("Installation"),
    )
    grade = django_filters.CharFilter(method="by_grade", label=_("Performance grade"))
    key = django_filters.BooleanFilter(field_name="is_key", label=_("Key enterprise"))
    trouble = django_filters.BooleanFilter(method="by_trouble", label=_("Device trouble"))
    standing = django_filters.ChoiceFilter(
        choices=Standing.CHOICES, method="by_standing", label=_("Standing")
    )

    class Meta:
        model = Enterprise
        fields = ("q", "county", "industry", "status", "grade", "key", "trouble", "standing")

    def by_words(
        self, queryset: QuerySet[Enterprise], name: str, value: str
    ) -> QuerySet[Enterprise]:
        """Find as ``enterprises.search`` does."""
        return find_by_words(queryset, value)

    def by_grade(
        self, queryset: QuerySet[Enterprise], name: str, value: str
    ) -> QuerySet[Enterprise]:
        """Find by the grade of the enterprise or the one in force of any of its lines."""
        later = LineGrade.objects.filter(
            line=OuterRef("line"), valid_from__gt=OuterRef("valid_from"), valid_from__lte=Now()
        )
        lines = LineGrade.objects.filter(grade=value, valid_from__lte=Now()).filter(~Exists(later))
        return queryset.filter(
            Q(performance_grade=value) | Q(pk__in=lines.values("line__site__enterprise"))
        )

    def by_trouble(
        self, queryset: QuerySet[Enterprise], name: str, value: bool
    ) -> QuerySet[Enterprise]:
        """Find those one of whose collectors is silent, or whose equipment raised an alert."""
        silent = Collector.objects.filter(is_enabled=True).exclude(
            pk__in=Collector.objects.filter(is_online("", now=timezone.now())).values("pk")
        )
        broken = Alert.objects.filter(rule__in=DEVICE_RULES, is_ongoing=True)
        has = Q(pk__in=silent.values("enterprise")) | Q(pk__in=broken.values("enterprise"))
        return queryset.filter(has if value else ~has)

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
