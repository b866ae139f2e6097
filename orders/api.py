"""REST resources of what is allowed when: for now the declarations."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as say
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.etags import answer_detail
from common.api.fields import IdField, InstantField, TextField
from common.api.filters import IdFilter
from enterprises.models import Enterprise, Facility
from orders.models import Declaration, DeclarationKind, DeclarationStatus
from orders.operations import REASON_CHARACTERS, DeclarationRefused, submit_declaration
from tenancy.access import Permission, require
from tenancy.idempotency import once
from tenancy.viewsets import ScopedViewSet

FACILITIES_AT_ONCE = 200


class DeclarationSerializer(serializers.ModelSerializer):
    enterprise = serializers.IntegerField(source="enterprise_id")
    facilities: Any = serializers.PrimaryKeyRelatedField(
        many=True, read_only=True, help_text=_("None: the whole enterprise.")
    )

    class Meta:
        model = Declaration
        fields = [
            "id",
            "enterprise",
            "facilities",
            "kind",
            "starts_at",
            "ends_at",
            "reason",
            "status",
            "submitted_at",
        ]
        read_only_fields = fields


class NewDeclarationSerializer(serializers.Serializer):
    enterprise = IdField()
    facilities = serializers.ListField(
        child=IdField(),
        required=False,
        default=list,
        max_length=FACILITIES_AT_ONCE,
        help_text=_("None: the whole enterprise."),
    )
    kind = serializers.ChoiceField(choices=DeclarationKind.choices)
    starts_at = InstantField()
    ends_at = InstantField()
    reason = TextField(max_length=REASON_CHARACTERS)


class DeclarationFilters(FilterSet):
    enterprise = IdFilter(field_name="enterprise_id")
    kind = ChoiceFilter(choices=DeclarationKind.choices)
    status = ChoiceFilter(choices=DeclarationStatus.choices)

    class Meta:
        model = Declaration
        fields: list[str] = []


class DeclarationViewSet(ScopedViewSet):
    model = Declaration
    tag = "declarations"
    scope = "read:declarations"
    scopes = {"create": "write:declarations"}
    look = "declaration"
    order = ("-starts_at", "-pk")
    serializer_class = DeclarationSerializer
    filterset_class = DeclarationFilters
    inputs = {"create": NewDeclarationSerializer}
    words = {
        "list": (_("List declarations"), _("Latest start first.")),
        "retrieve": (_("Read a declaration"), ""),
        "create": (
            _("Submit a declaration, as the enterprise"),
            _("A stop, repair, fault, test, power cut or work on the devices, before it is over."),
        ),
    }
    examples = {
        "retrieve": {
            "id": 5,
            "enterprise": 12,
            "facilities": [32],
            "kind": "REPAIR",
            "starts_at": "2026-11-24T08:00:00+08:00",
            "ends_at": "2026-11-24T18:00:00+08:00",
            "reason": "更换除尘布袋",
            "status": "SUBMITTED",
            "submitted_at": "2026-11-23T16:20:00+08:00",
        },
        "create:request": {
            "enterprise": 12,
            "facilities": [32],
            "kind": "REPAIR",
            "starts_at": "2026-11-24T08:00:00+08:00",
            "ends_at": "2026-11-24T18:00:00+08:00",
            "reason": "更换除尘布袋",
        },
    }

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        facilities = Facility.objects.only("pk").order_by("pk")
        return rows.select_related("enterprise").prefetch_related(
            Prefetch("facilities", queryset=facilities)
        )

    @extend_schema(request=NewDeclarationSerializer, responses={201: DeclarationSerializer})
    def create(self, request: Request) -> Response:
        """Submit: 400 for wrong fields and what is not seen, 403 for who does not speak for it."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = dict(serializer.validated_data)
        enterprise = get_object_or_404(
            Enterprise.objects.visible_to(self.actor).select_related("county"),
            pk=fields.pop("enterprise"),
        )
        require(self.actor, Permission.DECLARE, enterprise=enterprise)
        wanted = set(fields.pop("facilities"))
        facilities = list(
            Facility.objects.visible_to(self.actor).filter(pk__in=wanted).select_related("site")
        )
        if len(facilities) != len(wanted):
            words = say("One of them does not exist, or you may not see it.")
            raise serializers.ValidationError({"facilities": [words]})

        def submit() -> Response:
            try:
                declaration = submit_declaration(
                    enterprise,
                    facilities=facilities,
                    actor=self.actor,
                    now=timezone.now(),
                    **fields,
                )
            except DeclarationRefused as error:
                raise serializers.ValidationError({error.field: [str(error)]}) from error
            whole = self.get_queryset().get(pk=declaration.pk)
            response = answer_detail(request, self.represent_whole(whole), status=201)
            response["Location"] = reverse("api:declaration-detail", args=[declaration.pk])
            return response

        return once(request, actor=self.actor, now=timezone.now(), act=submit)
