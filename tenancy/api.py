"""REST resources of the tenancy: divisions, and who is asking."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import ChoiceFilter, FilterSet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.filters import TextFilter
from tenancy.access import ROLE_PERMISSIONS, get_authority
from tenancy.eyes import get_eyes
from tenancy.models import ApiToken, Division, DivisionKind
from tenancy.tokens import SCOPES
from tenancy.viewsets import ApiViewSet, ScopedViewSet


class DivisionSerializer(serializers.ModelSerializer):
    parent = serializers.CharField(  # type: ignore[assignment]  # a field, not the parent
        source="parent.code", allow_null=True, default=None
    )

    class Meta:
        model = Division
        fields = ["id", "code", "name", "name_en", "kind", "parent"]
        read_only_fields = fields


class DivisionFilters(FilterSet):
    kind = ChoiceFilter(choices=DivisionKind.choices)
    parent = TextFilter(field_name="parent__code", help_text=_("Code of the division above."))

    class Meta:
        model = Division
        fields: list[str] = []


class DivisionViewSet(ScopedViewSet):
    model = Division
    tag = "divisions"
    scope = "read:enterprises"
    serializer_class = DivisionSerializer
    filterset_class = DivisionFilters
    words = {
        "list": (
            _("List divisions"),
            _("The tree of province, cities and counties (GB/T 2260). It is public."),
        ),
        "retrieve": (_("Read a division"), ""),
    }
    examples = {
        "retrieve": {
            "id": 4,
            "code": "141023",
            "name": "襄汾县",
            "name_en": "Xiangfen",
            "kind": "COUNTY",
            "parent": "141000",
        }
    }

    def get_queryset(self) -> QuerySet[Division]:
        """Return every division: names and codes are public law, not anybody's data."""
        return Division.objects.select_related("parent")


class MeSerializer(serializers.Serializer):
    username = serializers.CharField()
    name = serializers.CharField()
    body = serializers.CharField(help_text=_("For which body the person acts."))
    roles = serializers.ListField(child=serializers.CharField())
    permissions = serializers.ListField(child=serializers.CharField())
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text=_("What the token was made for.")
    )
    token_expires_at = serializers.DateTimeField(allow_null=True)


class MeViewSet(ApiViewSet):
    tag = "me"
    serializer_class = MeSerializer
    pagination_class = None
    filter_backends: list[Any] = []
    words = {"get_me": (_("Who is asking"), _("The person, the duty, and what the token opens."))}
    examples = {
        "get_me": {
            "username": "xiangfen",
            "name": "襄汾分局",
            "body": "襄汾县 · 县分局",
            "roles": ["county_branch"],
            "permissions": ["handle_alerts", "use_api"],
            "scopes": ["read:alerts"],
            "token_expires_at": "2027-05-01T00:00:00+08:00",
        }
    }

    def get_me(self, request: Request) -> Response:
        """Return what the person holds now."""
        authority = get_authority(self.actor)
        token = request.auth if isinstance(request.auth, ApiToken) else None
        permissions = {p for role in authority.roles for p in ROLE_PERMISSIONS[role]}
        body = {
            "username": self.actor.username,
            "name": str(self.actor),
            "body": get_eyes(request._request).label,
            "roles": sorted(authority.roles),
            "permissions": sorted(permissions),
            "scopes": token.scopes if token else sorted(SCOPES),
            "token_expires_at": token.expires_at if token else None,
        }
        return Response(self.get_serializer(body).data)
