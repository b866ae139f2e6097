"""REST resources of the alerts: what was found, what became of it, and the acts on it."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as say
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import operations
from alerts.loop import NotAllowed
from alerts.models import Alert, AlertLog, AlertStatus, Level, Occurrence, RuleCode
from common.api.fields import TextField
from common.api.filters import FlagFilter, IdFilter, InstantFilter, TextFilter
from common.api.problems import Conflict
from tenancy.access import Permission
from tenancy.viewsets import NestedViewSet, ScopedViewSet

SCOPE, WRITE_SCOPE = "read:alerts", "write:alerts"


class AlertSerializer(serializers.ModelSerializer):
    enterprise = serializers.IntegerField(source="enterprise_id")
    county = serializers.CharField(source="county.code")
    facility = serializers.IntegerField(source="facility_id", allow_null=True)
    pairing = serializers.IntegerField(source="pairing_id", allow_null=True)
    collector = serializers.IntegerField(source="collector_id", allow_null=True)
    site = serializers.IntegerField(source="site_id", allow_null=True)
    is_suspected = serializers.BooleanField(
        help_text=_("Nobody has decided it yet: call it suspected.")
    )

    class Meta:
        model = Alert
        fields = [
            "id",
            "number",
            "rule",
            "level",
            "status",
            "is_suspected",
            "enterprise",
            "county",
            "facility",
            "pairing",
            "collector",
            "site",
            "first_started_at",
            "latest_ended_at",
            "is_ongoing",
            "detected_at",
            "occurrence_count",
        ]
        read_only_fields = fields


class NothingSerializer(serializers.Serializer):
    """An act that takes no words."""


class TextSerializer(serializers.Serializer):
    text = TextField(
        required=False, allow_blank=True, max_length=operations.TEXT_CHARACTERS, default=""
    )


class ExplainSerializer(serializers.Serializer):
    text = TextField(max_length=operations.TEXT_CHARACTERS)


class DismissSerializer(TextSerializer):
    reason = serializers.ChoiceField(choices=operations.DismissalReason.choices)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["reason"] == operations.DismissalReason.OTHER and not attrs["text"].strip():
            raise serializers.ValidationError({"text": say("For OTHER say in words what it was.")})
        return attrs


class AlertFilters(FilterSet):
    enterprise = IdFilter(field_name="enterprise_id")
    county = TextFilter(field_name="county__code", help_text=_("Code of the county."))
    rule = ChoiceFilter(choices=RuleCode.choices)
    level = ChoiceFilter(choices=Level.choices)
    status = ChoiceFilter(choices=AlertStatus.choices)
    is_ongoing = FlagFilter()
    detected_since = InstantFilter(field_name="detected_at", lookup_expr="gte")

    class Meta:
        model = Alert
        fields: list[str] = []


_ACT = _("Answers the alert as it is afterwards; 409 where its state does not allow the act.")


class AlertViewSet(ScopedViewSet):
    model = Alert
    tag = "alerts"
    scope = SCOPE
    look = "alert"
    order = ("-detected_at", "-pk")
    serializer_class = AlertSerializer
    filterset_class = AlertFilters
    inputs = {
        "acknowledge": NothingSerializer,
        "verify": NothingSerializer,
        "close": NothingSerializer,
        "explain": ExplainSerializer,
        "accept_explanation": TextSerializer,
        "confirm": TextSerializer,
        "dismiss": DismissSerializer,
    }
    scopes = dict.fromkeys(inputs, WRITE_SCOPE)
    words = {
        "list": (_("List alerts"), _("Latest detected first.")),
        "retrieve": (_("Read an alert"), _("An authority's look is noted.")),
        "acknowledge": (_("Take an alert"), _ACT),
        "explain": (_("Explain an alert, as the enterprise"), _ACT),
        "verify": (_("Begin the verification on site"), _ACT),
        "accept_explanation": (_("Accept the explanation"), _ACT),
        "confirm": (_("Confirm an alert"), _ACT),
        "dismiss": (_("Dismiss an alert, with a reason"), _ACT),
        "close": (_("Close a decided alert"), _ACT),
    }
    examples = {
        "retrieve": {
            "id": 7,
            "number": "BJ-20261123-0007",
            "rule": "R01",
            "level": 1,
            "status": "OPEN",
            "is_suspected": True,
            "enterprise": 12,
            "county": "141023",
            "facility": 31,
            "pairing": 41,
            "collector": None,
            "site": None,
            "first_started_at": "2026-11-23T02:03:00+08:00",
            "latest_ended_at": "2026-11-23T02:13:00+08:00",
            "is_ongoing": True,
            "detected_at": "2026-11-23T02:13:05+08:00",
            "occurrence_count": 1,
        },
        "explain:request": {"text": "布袋除尘风机检修,已于昨日报备。"},
        "dismiss:request": {"reason": "power_cut", "text": "全厂停电,供电公司有记录。"},
        "confirm:request": {"text": "现场核查:除尘风机未开。"},
        "accept_explanation:request": {"text": "检修属实。"},
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("enterprise__county", "county")

    def perform(
        self, request: Request, permission: Permission, operation: Callable[..., Any]
    ) -> Response:
        """Carry out one of ``alerts.operations`` on the alert of the address."""

        def act(alert: Alert, fields: dict[str, Any]) -> None:
            try:
                operation(alert, actor=self.actor, now=timezone.now(), **fields)
            except NotAllowed as error:
                raise Conflict(
                    say("The alert stands at %(status)s, so this cannot be done.")
                    % {"status": alert.get_status_display()}
                ) from error
            except ValueError as error:
                raise serializers.ValidationError({"text": say("Words are owed here.")}) from error

        return self.act_on(request, permission, act)

    @extend_schema(request=NothingSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.acknowledge_alert)

    @extend_schema(request=ExplainSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def explain(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.EXPLAIN_ALERTS, operations.explain_alert)

    @extend_schema(request=NothingSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.start_verification)

    @extend_schema(request=TextSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"], url_path="accept-explanation")
    def accept_explanation(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.accept_explanation)

    @extend_schema(request=TextSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.confirm_alert)

    @extend_schema(request=DismissSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.dismiss_alert)

    @extend_schema(request=NothingSerializer, responses=AlertSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        return self.perform(request, Permission.HANDLE_ALERTS, operations.close_alert)


class OccurrenceSerializer(serializers.ModelSerializer):
    evidence = serializers.DictField(help_text=_("The numbers that made the verdict."))

    class Meta:
        model = Occurrence
        fields = ["id", "state", "level", "started_at", "ended_at", "detected_at", "evidence"]
        read_only_fields = fields


class OccurrenceViewSet(NestedViewSet):
    model = Occurrence
    parent_model = Alert
    tag = "alerts"
    scope = SCOPE
    look = "alert"
    order = ("-started_at", "-pk")
    serializer_class = OccurrenceSerializer
    words = {"list": (_("Occurrences of an alert"), _("Latest first."))}
    examples = {
        "list": {
            "id": 11,
            "state": "FIRING",
            "level": 1,
            "started_at": "2026-11-23T02:03:00+08:00",
            "ended_at": "2026-11-23T02:13:00+08:00",
            "detected_at": "2026-11-23T02:13:05+08:00",
            "evidence": {},
        }
    }

    def get_rows(self, parent: Alert) -> QuerySet[Any]:
        return Occurrence.objects.filter(alert=parent)


class AlertLogSerializer(serializers.ModelSerializer):
    actor = serializers.CharField(allow_null=True, help_text=_("Who; null for the machine."))
    from_status = serializers.ChoiceField(AlertStatus.choices, allow_blank=True)
    detail = serializers.DictField()

    class Meta:
        model = AlertLog
        fields = ["id", "at", "actor", "event", "from_status", "to_status", "detail"]
        read_only_fields = fields


class AlertLogViewSet(NestedViewSet):
    model = AlertLog
    parent_model = Alert
    tag = "alerts"
    scope = SCOPE
    look = "alert"
    order = ("at", "pk")
    serializer_class = AlertLogSerializer
    words = {"list": (_("Log of an alert"), _("What happened to it, in order of time."))}
    examples = {
        "list": {
            "id": 21,
            "at": "2026-11-23T02:13:05+08:00",
            "actor": None,
            "event": "opened",
            "from_status": "",
            "to_status": "OPEN",
            "detail": {},
        }
    }

    def get_rows(self, parent: Alert) -> QuerySet[Any]:
        return AlertLog.objects.filter(alert=parent).select_related("actor")
