"""REST resources of the enterprise file and the installation programme."""

from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.fields import FlagField, StrictSerializer, TextField
from common.api.filters import FlagFilter, IdFilter, InstantFilter, TextFilter
from enterprises import operations
from enterprises.models import (
    Attachment,
    Drive,
    Enterprise,
    Facility,
    FacilityKind,
    Industry,
    Installation,
    InstallationStatus,
    LineGrade,
    ManagementClass,
    Pairing,
    ProductionLine,
    Site,
    Threshold,
)
from enterprises.search import find_by_words
from tenancy.access import Permission, require
from tenancy.viewsets import ApiViewSet, ScopedViewSet

SCOPE = "read:enterprises"


class EnterpriseSerializer(serializers.ModelSerializer):
    county = serializers.CharField(source="county.code", help_text=_("Code (GB/T 2260)."))
    management_class = serializers.ChoiceField(ManagementClass.choices, allow_blank=True)

    class Meta:
        model = Enterprise
        fields = [
            "id",
            "name",
            "code",
            "credit_code",
            "permit_number",
            "management_class",
            "county",
            "industry",
            "industry_code",
            "address",
            "legal_representative",
            "is_key",
            "performance_grade",
            "installation_status",
        ]
        read_only_fields = fields


class EnterpriseFields(StrictSerializer):
    """What can be changed; the county stays: who is responsible is not changed in passing."""

    name = TextField(max_length=120)
    code = TextField(max_length=40)
    credit_code = TextField(max_length=18, allow_blank=True)
    permit_number = TextField(max_length=40, allow_blank=True)
    management_class = serializers.ChoiceField(ManagementClass.choices, allow_blank=True)
    industry = serializers.ChoiceField(Industry.choices)
    industry_code = TextField(max_length=5, allow_blank=True)
    address = TextField(max_length=200, allow_blank=True)
    legal_representative = TextField(max_length=60, allow_blank=True)
    is_key = FlagField()
    performance_grade = TextField(max_length=10, allow_blank=True)


class EnterpriseFilters(FilterSet):
    county = TextFilter(field_name="county__code", help_text=_("Code of the county."))
    industry = ChoiceFilter(choices=Industry.choices)
    grade = TextFilter(field_name="performance_grade", help_text=_("Performance grade."))
    status = ChoiceFilter(field_name="installation_status", choices=InstallationStatus.choices)
    is_key = FlagFilter(help_text=_("Key enterprises only, or all others."))
    q = TextFilter(
        method="search",
        help_text=_(
            "As in the list of the pages: part of the name, its pinyin or initials, internal "
            "number, beginning of the credit code or of an MN, a meter's number, a facility."
        ),
    )

    class Meta:
        model = Enterprise
        fields: list[str] = []

    def search(self, rows: QuerySet[Any], name: str, text: str) -> QuerySet[Any]:
        return find_by_words(rows, text)


class EnterpriseViewSet(ScopedViewSet):
    model = Enterprise
    tag = "enterprises"
    scope = SCOPE
    look = "file"
    serializer_class = EnterpriseSerializer
    filterset_class = EnterpriseFilters
    scopes = {"partial_update": "write:file"}
    inputs = {"partial_update": EnterpriseFields}
    words = {
        "partial_update": (
            _("Edit an enterprise"),
            _("Only what is sent is changed. `If-Match` is owed; the county stays."),
        ),
        "list": (_("List enterprises"), _("The enterprises that you may see, by id.")),
        "retrieve": (_("Read an enterprise"), _("An authority's look is noted and shown to it.")),
    }
    examples = {
        "retrieve": {
            "id": 12,
            "name": "襄汾示例铸造有限公司(示例)",
            "code": "XF-0012",
            "credit_code": "",
            "permit_number": "",
            "management_class": "SIMPLIFIED",
            "county": "141023",
            "industry": "FOUNDRY",
            "industry_code": "C3391",
            "address": "襄汾县示例路 1 号",
            "legal_representative": "",
            "is_key": True,
            "performance_grade": "B",
            "installation_status": "ACCEPTED",
        },
        "partial_update:request": {"address": "襄汾县示例路 2 号", "is_key": False},
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("county")

    def get_enterprise(self, instance: Enterprise) -> Enterprise:
        return instance

    @extend_schema(request=EnterpriseFields, responses=EnterpriseSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        def act(enterprise: Enterprise, fields: dict[str, Any]) -> None:
            operations.update_enterprise(enterprise, actor=self.actor, now=timezone.now(), **fields)

        return self.act_on(request, Permission.EDIT_FILE, act)


class SiteSerializer(serializers.ModelSerializer):
    enterprise = serializers.IntegerField(source="enterprise_id", help_text=_("Its id."))

    class Meta:
        model = Site
        fields = ["id", "enterprise", "name", "address", "longitude", "latitude"]
        read_only_fields = fields


class OfEnterprise(FilterSet):
    """For what points to its enterprise."""

    enterprise = IdFilter(field_name="enterprise_id")


class OfSite(FilterSet):
    """For what stands on a site."""

    enterprise = IdFilter(field_name="site__enterprise_id")
    site = IdFilter(field_name="site_id")


class SiteViewSet(ScopedViewSet):
    model = Site
    tag = "enterprises"
    scope = SCOPE
    look = "file"
    serializer_class = SiteSerializer
    filterset_class = OfEnterprise
    words = {
        "list": (_("List sites"), ""),
        "retrieve": (_("Read a site"), ""),
    }
    examples = {
        "retrieve": {
            "id": 15,
            "enterprise": 12,
            "name": "主厂区",
            "address": "",
            "longitude": 111.44,
            "latitude": 35.88,
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("enterprise")


class GradeSerializer(serializers.ModelSerializer):
    class Meta:
        model = LineGrade
        fields = ["grade", "valid_from", "basis"]
        read_only_fields = fields


class LineSerializer(serializers.ModelSerializer):
    site = serializers.IntegerField(source="site_id")
    grades = GradeSerializer(many=True, help_text=_("Performance grades, each from a date."))

    class Meta:
        model = ProductionLine
        fields = ["id", "site", "name", "position", "grades"]
        read_only_fields = fields


class OnSiteViewSet(ScopedViewSet):
    """What points to its site."""

    tag = "enterprises"
    scope = SCOPE
    look = "file"

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("site__enterprise")

    def get_enterprise(self, instance: Any) -> Enterprise:
        return instance.site.enterprise


class LineViewSet(OnSiteViewSet):
    model = ProductionLine
    serializer_class = LineSerializer
    filterset_class = OfSite
    words = {
        "list": (_("List production lines"), ""),
        "retrieve": (_("Read a production line"), ""),
    }
    examples = {
        "retrieve": {
            "id": 21,
            "site": 15,
            "name": "一号线",
            "position": 1,
            "grades": [{"grade": "B", "valid_from": "2026-01-01T00:00:00+08:00", "basis": ""}],
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        grades = LineGrade.objects.order_by("valid_from", "pk")
        return super().optimise(rows).prefetch_related(Prefetch("grades", queryset=grades))


class FacilitySerializer(serializers.ModelSerializer):
    site = serializers.IntegerField(source="site_id")
    line = serializers.IntegerField(source="line_id", allow_null=True)
    drive = serializers.ChoiceField(Drive.choices, allow_blank=True)

    class Meta:
        model = Facility
        fields = [
            "id",
            "site",
            "line",
            "code",
            "name",
            "kind",
            "process_step",
            "load_class",
            "rated_kw",
            "drive",
            "nominal_voltage_v",
            "keep_warm_kw",
            "duty_group",
            "is_safety_critical",
            "retired_at",
        ]
        read_only_fields = fields


class FacilityFilters(OfSite):
    kind = ChoiceFilter(choices=FacilityKind.choices)

    class Meta:
        model = Facility
        fields: list[str] = []


class FacilityViewSet(OnSiteViewSet):
    model = Facility
    serializer_class = FacilitySerializer
    filterset_class = FacilityFilters
    words = {
        "list": (_("List facilities"), _("Production and control facilities, retired ones too.")),
        "retrieve": (_("Read a facility"), ""),
    }
    examples = {
        "retrieve": {
            "id": 31,
            "site": 15,
            "line": 21,
            "code": "SC01",
            "name": "1号中频炉",
            "kind": "PRODUCTION",
            "process_step": "熔炼",
            "load_class": "FURNACE",
            "rated_kw": 1000.0,
            "drive": "",
            "nominal_voltage_v": 220.0,
            "keep_warm_kw": None,
            "duty_group": "",
            "is_safety_critical": False,
            "retired_at": None,
        }
    }


class PairingSerializer(serializers.ModelSerializer):
    site = serializers.IntegerField(source="site_id")
    productions: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    controls: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)

    class Meta:
        model = Pairing
        fields = [
            "id",
            "site",
            "stage",
            "productions",
            "controls",
            "mode",
            "at_least",
            "lead_s",
            "lag_s",
            "min_ratio",
            "valid_from",
            "valid_to",
            "approved_at",
        ]
        read_only_fields = fields


class PairingFilters(OfSite):
    at = InstantFilter(method="in_force", help_text=_("Those in force at this instant."))

    class Meta:
        model = Pairing
        fields: list[str] = []

    def in_force(self, rows: QuerySet[Any], name: str, at: Any) -> QuerySet[Any]:
        return rows.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=at), valid_from__lte=at)


class PairingViewSet(OnSiteViewSet):
    model = Pairing
    serializer_class = PairingSerializer
    filterset_class = PairingFilters
    words = {
        "list": (
            _("List pairings"),
            _("Which control facilities must run with which production. Dated: ask with `at`."),
        ),
        "retrieve": (_("Read a pairing"), ""),
    }
    examples = {
        "retrieve": {
            "id": 41,
            "site": 15,
            "stage": "除尘",
            "productions": [31],
            "controls": [32],
            "mode": "ANY",
            "at_least": 1,
            "lead_s": 0,
            "lag_s": 300,
            "min_ratio": None,
            "valid_from": "2026-01-01T00:00:00+08:00",
            "valid_to": None,
            "approved_at": None,
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        facilities = Facility.objects.only("pk").order_by("pk")
        return (
            super()
            .optimise(rows)
            .prefetch_related(
                Prefetch("productions", queryset=facilities),
                Prefetch("controls", queryset=facilities),
            )
        )


class ThresholdSerializer(serializers.ModelSerializer):
    facility = serializers.IntegerField(source="facility_id")

    class Meta:
        model = Threshold
        fields = [
            "id",
            "facility",
            "valid_from",
            "off_below_kw",
            "on_from_kw",
            "reference_kw",
            "source",
            "approved_at",
        ]
        read_only_fields = fields


class ThresholdFilters(FilterSet):
    enterprise = IdFilter(field_name="facility__site__enterprise_id")
    facility = IdFilter(field_name="facility_id")
    at = InstantFilter(method="in_force", help_text=_("Those in force at this instant."))

    class Meta:
        model = Threshold
        fields: list[str] = []

    def in_force(self, rows: QuerySet[Any], name: str, at: Any) -> QuerySet[Any]:
        latest = Threshold.objects.filter(valid_from__lte=at).order_by("facility", "-valid_from")
        return rows.filter(pk__in=latest.distinct("facility").values("pk"))


class ThresholdViewSet(ScopedViewSet):
    model = Threshold
    tag = "enterprises"
    scope = SCOPE
    look = "file"
    serializer_class = ThresholdSerializer
    filterset_class = ThresholdFilters
    words = {
        "list": (
            _("List thresholds"),
            _("Powers that part off, standby and on; each from a date."),
        ),
        "retrieve": (_("Read a threshold"), ""),
    }
    examples = {
        "retrieve": {
            "id": 51,
            "facility": 31,
            "valid_from": "2026-01-01T00:00:00+08:00",
            "off_below_kw": 5.0,
            "on_from_kw": 200.0,
            "reference_kw": 760.0,
            "source": "COMMISSIONING",
            "approved_at": None,
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("facility__site__enterprise")

    def get_enterprise(self, instance: Threshold) -> Enterprise:
        return instance.facility.site.enterprise


class AttachmentSerializer(serializers.ModelSerializer):
    enterprise = serializers.IntegerField(source="enterprise_id")
    site = serializers.IntegerField(source="site_id", allow_null=True)

    class Meta:
        model = Attachment
        fields = [
            "id",
            "key",
            "enterprise",
            "site",
            "subject_type",
            "subject_id",
            "title",
            "file_name",
            "content_type",
            "size_bytes",
            "sha256",
            "taken_at",
            "uploaded_at",
        ]
        read_only_fields = fields


class AttachmentViewSet(ScopedViewSet):
    model = Attachment
    tag = "enterprises"
    scope = SCOPE
    look = "file"
    serializer_class = AttachmentSerializer
    filterset_class = OfEnterprise
    words = {
        "list": (_("List attachments"), _("Documents and photos, without their contents.")),
        "retrieve": (_("Read about an attachment"), ""),
    }
    examples = {
        "retrieve": {
            "id": 61,
            "key": "3f0c8f0a-3c5e-4a3b-9a51-0d8f0c0e7b11",
            "enterprise": 12,
            "site": 15,
            "subject_type": "meter",
            "subject_id": 81,
            "title": "铭牌照片",
            "file_name": "铭牌.jpg",
            "content_type": "image/jpeg",
            "size_bytes": 182733,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "taken_at": None,
            "uploaded_at": "2026-11-20T09:12:00+08:00",
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(withdrawn_at__isnull=True).select_related("enterprise")


class InstallationSerializer(serializers.ModelSerializer):
    enterprise = serializers.IntegerField(source="enterprise_id")
    status = serializers.ChoiceField(
        source="enterprise.installation_status", choices=InstallationStatus.choices
    )
    batch = serializers.CharField(source="batch.name", allow_null=True, default=None)
    company = serializers.CharField(source="company.name", allow_null=True, default=None)

    class Meta:
        model = Installation
        fields = [
            "id",
            "enterprise",
            "status",
            "batch",
            "due_on",
            "extension_reason",
            "company",
            "points_required",
            "accepted_at",
        ]
        read_only_fields = fields


class InstallationFilters(OfEnterprise):
    county = TextFilter(field_name="enterprise__county__code")
    status = ChoiceFilter(
        field_name="enterprise__installation_status", choices=InstallationStatus.choices
    )

    class Meta:
        model = Installation
        fields: list[str] = []


class InstallationViewSet(ScopedViewSet):
    model = Installation
    tag = "programme"
    scope = "read:programme"
    look = "installation"
    serializer_class = InstallationSerializer
    filterset_class = InstallationFilters
    words = {
        "list": (_("List installations"), _("Each enterprise's part in the programme.")),
        "retrieve": (_("Read an installation"), ""),
    }
    examples = {
        "retrieve": {
            "id": 71,
            "enterprise": 12,
            "status": "INSTALLING",
            "batch": "2020 年第一批",
            "due_on": "2020-03-31",
            "extension_reason": "",
            "company": "示例运维有限公司",
            "points_required": 6,
            "accepted_at": None,
        }
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("enterprise", "batch", "company")


class ProgressRow(serializers.Serializer):
    county = serializers.CharField(help_text=_("Code (GB/T 2260)."))
    industry = serializers.ChoiceField(choices=Industry.choices)
    status = serializers.ChoiceField(choices=InstallationStatus.choices)
    enterprises = serializers.IntegerField(help_text=_("How many stand there."))


class ProgressSerializer(serializers.Serializer):
    results = ProgressRow(many=True)


class ProgressViewSet(ApiViewSet):
    """Counts of the programme."""

    tag = "programme"
    scope = "read:programme"
    serializer_class = ProgressSerializer
    pagination_class = None
    filter_backends: list[Any] = []
    words = {
        "get_progress": (
            _("Progress of the programme"),
            _("Enterprises that you may see, counted by county, industry and status."),
        )
    }
    examples = {
        "get_progress": {
            "results": [
                {
                    "county": "141023",
                    "industry": "FOUNDRY",
                    "status": "ACCEPTED",
                    "enterprises": 17,
                }
            ]
        }
    }

    def get_progress(self, request: Request) -> Response:
        """Return the counts. One query."""
        require(self.actor, Permission.SEE_PROGRAMME)
        rows = (
            Enterprise.objects.visible_to(self.actor)
            .order_by("county__code", "industry", "installation_status")
            .values("county__code", "industry", "installation_status")
            .annotate(enterprises=Count("pk"))
        )
        results = [
            {
                "county": row["county__code"],
                "industry": row["industry"],
                "status": row["installation_status"],
                "enterprises": row["enterprises"],
            }
            for row in rows
        ]
        return Response(self.get_serializer({"results": results}).data)
