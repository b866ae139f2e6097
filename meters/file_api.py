"""Writing the enterprise file over the API where judging hangs on it.

The resources are those of ``enterprises.api``; what is added here are the writes, because their
operations live in ``meters.operations``. Rights as on the pages (``reports.file_acts``).
"""

from collections.abc import Collection
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as say
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.fields import (
    CountField,
    FlagField,
    IdField,
    InstantField,
    NumberField,
    StrictSerializer,
    TextField,
)
from enterprises import operations as file_operations
from enterprises.api import (
    FacilitySerializer,
    FacilityViewSet,
    PairingSerializer,
    PairingViewSet,
    ThresholdSerializer,
    ThresholdViewSet,
)
from enterprises.models import (
    Drive,
    Facility,
    FacilityKind,
    LoadClass,
    Pairing,
    PairingMode,
    ProductionLine,
    Site,
    ThresholdSource,
)
from meters import operations
from tenancy.access import Permission, require
from tenancy.models import User

WRITE = "write:file"
REASON_HELP = _("Owed where `valid_from` lies in the past or another record ends by it.")
MOST_KW = 1_000_000.0
MOST_SECONDS = 7 * 86_400
FACILITIES_AT_ONCE = 200


class FacilityFields(StrictSerializer):
    line = IdField(required=False, allow_null=True, help_text=_("A line of the same site."))
    code = TextField(max_length=40)
    name = TextField(max_length=80)
    kind = serializers.ChoiceField(FacilityKind.choices)
    process_step = TextField(max_length=60, allow_blank=True, required=False)
    load_class = serializers.ChoiceField(LoadClass.choices, required=False)
    rated_kw = NumberField(min_value=0, max_value=MOST_KW)
    drive = serializers.ChoiceField(Drive.choices, allow_blank=True, required=False)
    nominal_voltage_v = NumberField(min_value=1, max_value=MOST_KW, required=False)
    keep_warm_kw = NumberField(min_value=0, max_value=MOST_KW, allow_null=True, required=False)
    duty_group = TextField(max_length=40, allow_blank=True, required=False)
    is_safety_critical = FlagField(required=False)


class NewFacilitySerializer(FacilityFields):
    site = IdField()


class FacilityWriteViewSet(FacilityViewSet):
    scopes = {"create": WRITE, "partial_update": WRITE}
    inputs = {"create": NewFacilitySerializer, "partial_update": FacilityFields}
    words = {
        **FacilityViewSet.words,
        "create": (_("Add a facility"), ""),
        "partial_update": (
            _("Edit a facility"),
            _("Another class, rated power or voltage has all that it sent judged again."),
        ),
    }
    examples = {
        **FacilityViewSet.examples,
        "create:request": {
            "site": 15,
            "code": "SC02",
            "name": "2号中频炉",
            "kind": "PRODUCTION",
            "load_class": "FURNACE",
            "rated_kw": 1000.0,
        },
        "partial_update:request": {"name": "2号中频炉(备用)"},
    }

    def demand(self, permission: Permission, instance: Facility) -> None:
        require(self.actor, permission, site=instance.site)

    @extend_schema(request=NewFacilitySerializer, responses={201: FacilitySerializer})
    def create(self, request: Request) -> Response:
        fields = self.get_body(request)
        site = get_site(self.actor, fields.pop("site"))
        require(self.actor, Permission.EDIT_FILE, site=site)
        fields = self._with_line(fields)
        return self.add_under(
            request,
            site,
            lambda: file_operations.create_facility(
                site, actor=self.actor, now=timezone.now(), **fields
            ),
        )

    @extend_schema(request=FacilityFields, responses=FacilitySerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        def act(facility: Facility, fields: dict[str, Any]) -> None:
            operations.update_facility(
                facility, actor=self.actor, now=timezone.now(), **self._with_line(fields)
            )

        return self.act_on(request, Permission.EDIT_FILE, act)

    def _with_line(self, fields: dict[str, Any]) -> dict[str, Any]:
        if fields.get("line") is None:
            return fields
        lines = ProductionLine.objects.visible_to(self.actor)
        line = lines.filter(pk=fields["line"]).first()
        if line is None:
            raise serializers.ValidationError({"line": [_nothing_there()]})
        return {**fields, "line": line}


class NewThresholdSerializer(StrictSerializer):
    facility = IdField()
    off_below_kw = NumberField(min_value=0, max_value=MOST_KW)
    on_from_kw = NumberField(min_value=0, max_value=MOST_KW)
    reference_kw = NumberField(min_value=0, max_value=MOST_KW, allow_null=True, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field
        ThresholdSource.choices, required=False, default=ThresholdSource.COMMISSIONING
    )
    valid_from = InstantField()
    reason = TextField(max_length=200, allow_blank=True, required=False, help_text=REASON_HELP)


class ThresholdWriteViewSet(ThresholdViewSet):
    scopes = {"create": WRITE}
    inputs = {"create": NewThresholdSerializer}
    follows_by = ("create",)
    words = {
        **ThresholdViewSet.words,
        "create": (
            _("Record a threshold"),
            _(
                "It counts at once and waits for approval. `If-Match` names the facility's newest "
                "threshold."
            ),
        ),
    }
    examples = {
        **ThresholdViewSet.examples,
        "create:request": {
            "facility": 31,
            "off_below_kw": 5.0,
            "on_from_kw": 200.0,
            "reference_kw": 760.0,
            "valid_from": "2026-11-24T00:00:00+08:00",
            "reason": "",
        },
    }

    @extend_schema(request=NewThresholdSerializer, responses={201: ThresholdSerializer})
    def create(self, request: Request) -> Response:
        fields = self.get_body(request)
        visible = Facility.objects.visible_to(self.actor)
        facility = get_object_or_404(
            visible.select_related("site__enterprise__county"), pk=fields.pop("facility")
        )
        require(self.actor, Permission.EDIT_FILE, site=facility.site)
        return self.add_under(
            request,
            facility,
            lambda: operations.set_threshold(
                facility, actor=self.actor, now=timezone.now(), **fields
            ),
            follows=lambda: facility.thresholds.order_by("-pk").first(),
        )


class NewPairingSerializer(StrictSerializer):
    site = IdField()
    replaces = IdField(
        required=False, allow_null=True, help_text=_("The pairing that ends where this begins.")
    )
    stage = TextField(max_length=60)
    productions = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=FACILITIES_AT_ONCE
    )
    controls = serializers.ListField(
        child=IdField(), allow_empty=False, max_length=FACILITIES_AT_ONCE
    )
    mode = serializers.ChoiceField(PairingMode.choices, required=False, default=PairingMode.ANY)
    at_least = CountField(
        min_value=1, max_value=FACILITIES_AT_ONCE, allow_null=True, required=False
    )
    lead_s = CountField(min_value=0, max_value=MOST_SECONDS, allow_null=True, required=False)
    lag_s = CountField(min_value=0, max_value=MOST_SECONDS, allow_null=True, required=False)
    min_ratio = NumberField(min_value=0, max_value=1, allow_null=True, required=False)
    valid_from = InstantField()
    reason = TextField(max_length=200, allow_blank=True, required=False, help_text=REASON_HELP)


class PairingWriteViewSet(PairingViewSet):
    scopes = {"create": WRITE}
    inputs = {"create": NewPairingSerializer}
    follows_by = ("create",)
    words = {
        **PairingViewSet.words,
        "create": (
            _("Record a pairing"),
            _(
                "It counts at once and waits for approval. `If-Match` names the pairing that it "
                "`replaces`."
            ),
        ),
    }
    examples = {
        **PairingViewSet.examples,
        "create:request": {
            "site": 15,
            "replaces": 41,
            "stage": "除尘",
            "productions": [31],
            "controls": [32, 33],
            "mode": "ANY",
            "valid_from": "2026-11-24T00:00:00+08:00",
            "reason": "新增一台除尘风机",
        },
    }

    @extend_schema(request=NewPairingSerializer, responses={201: PairingSerializer})
    def create(self, request: Request) -> Response:
        fields = self.get_body(request)
        site = get_site(self.actor, fields.pop("site"))
        require(self.actor, Permission.EDIT_FILE, site=site)
        replaced = fields.pop("replaces", None)
        if replaced is not None:
            replaced = get_object_or_404(
                Pairing.objects.visible_to(self.actor).filter(site=site), pk=replaced
            )
        for side in ("productions", "controls"):
            fields[side] = self._facilities(side, fields[side])
        return self.add_under(
            request,
            site,
            lambda: operations.set_pairing(
                site, replaces=replaced, actor=self.actor, now=timezone.now(), **fields
            ),
            follows=lambda: replaced,
        )

    def _facilities(self, side: str, wanted: Collection[int]) -> list[Facility]:
        found = list(Facility.objects.visible_to(self.actor).filter(pk__in=wanted).order_by("pk"))
        if len(found) != len(set(wanted)):
            raise serializers.ValidationError({side: [_nothing_there()]})
        return found


def get_site(actor: User, pk: int) -> Site:
    """Return the site with what a right is asked of; ``Http404`` outside."""
    visible = Site.objects.visible_to(actor).select_related("enterprise__county")
    return get_object_or_404(visible, pk=pk)


def _nothing_there() -> str:
    return say("One of them does not exist, or you may not see it.")
