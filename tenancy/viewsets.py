"""The frame of every resource: the door, the right, the scope of the token, lists and details.

    class SiteViewSet(ScopedViewSet):
        model = Site
        scope = "read:enterprises"
        serializer_class = SiteSerializer

Rows come from ``visible_to`` alone, so that what lies outside is 404 and lists never show it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from common.api.etags import answer_detail, check_match
from common.api.problems import InsufficientScope, PreconditionFailed, refusals_told
from common.api.schema import ProblemAutoSchema
from common.api.views import StrictApiMixin
from tenancy.access import Permission, has_permission, require
from tenancy.audit import note_look
from tenancy.idempotency import once
from tenancy.models import ApiToken, User

#: Filters by which a list shows what belongs to one enterprise alone.
NARROW = frozenset({"enterprise", "site", "line", "facility", "collector", "point"})
ID_PATTERN = "[1-9][0-9]{0,17}"


class MayUseApi(BasePermission):
    """The token was made for this, and its owner's duty includes the use of the API."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, User):
            return False
        scope = view.get_scope()
        if isinstance(request.auth, ApiToken) and scope and scope not in request.auth.scopes:
            challenge = f'Bearer realm="powerwatch", error="insufficient_scope", scope="{scope}"'
            raise InsufficientScope(
                _("The token was not made for this: it lacks %(scope)s.") % {"scope": scope},
                headers={"WWW-Authenticate": challenge},
            )
        if not has_permission(request.user, Permission.USE_API):
            self.message = _("Your duty does not include the use of the API.")
            return False
        return True


class ApiViewSet(StrictApiMixin, GenericViewSet):
    """What resources and single endpoints share."""

    schema = ProblemAutoSchema()
    permission_classes = [MayUseApi]
    scope: ClassVar[str] = ""
    scopes: ClassVar[dict[str, str]] = {}  # of actions that need another
    tag: ClassVar[str] = ""
    words: ClassVar[dict[str, tuple[Any, Any]]] = {}
    examples: ClassVar[dict[str, Any]] = {}
    inputs: ClassVar[dict[str, type[BaseSerializer]]] = {}  # what the body of an action holds
    order: tuple[str, ...] = ("pk",)

    def get_scope(self) -> str:
        """Return the scope that a token needs for the action."""
        return self.scopes.get(getattr(self, "action", None) or "", self.scope)

    def get_serializer_class(self) -> type[BaseSerializer]:
        return self.inputs.get(getattr(self, "action", None) or "", super().get_serializer_class())

    @property
    def actor(self) -> User:
        """Return who asks."""
        user = self.request.user
        if not isinstance(user, User):
            raise TypeError("an endpoint without a known person")
        return user


class ScopedViewSet(ApiViewSet):
    """A list and a detail of one model, seen through its door."""

    model: ClassVar[type[Model]]
    lookup_value_regex = ID_PATTERN
    look: ClassVar[str] = ""  # what ``note_look`` calls a look at one object; empty: not noted
    follows_by: ClassVar[tuple[str, ...]] = ()  # actions whose If-Match names the record before

    def optimise(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with what their representation needs, in a fixed number of queries."""
        return rows

    def get_queryset(self) -> QuerySet[Any]:
        manager: Any = self.model._default_manager
        if getattr(self, "swagger_fake_view", False):
            return manager.none()
        return self.optimise(manager.visible_to(self.request.user))

    def get_parameter_names(self) -> frozenset[str]:
        if getattr(self, "action", "") == "retrieve" or self.request.method in {"POST", "PATCH"}:
            return frozenset()
        names = {"page_size", "cursor"}
        if (filters := getattr(self, "filterset_class", None)) is not None:
            names |= set(filters.base_filters)
        return frozenset(names)

    def get_enterprise(self, instance: Any) -> Any:
        """Return the enterprise that an object belongs to."""
        return instance.enterprise

    def represent(self, instance: Any) -> Any:
        return self.get_serializer(instance).data

    def list(self, request: Request) -> Response:
        rows = self.filter_queryset(self.get_queryset())
        return self.answer_page(rows)

    def note_narrow(self, request: Request, page: Any) -> None:
        """Note the look where a list was narrowed to what belongs to one enterprise."""
        if self.look and page and not NARROW.isdisjoint(request.query_params):
            note_look(request._request, self.get_enterprise(page[0]), self.look)

    def retrieve(self, request: Request, pk: str) -> Response:
        instance = self.get_object()
        if self.look:
            note_look(request._request, self.get_enterprise(instance), self.look)
        return answer_detail(request, self.represent(instance))

    def answer_page(self, rows: QuerySet[Any]) -> Response:
        """Return a page of the rows in the view's order."""
        page = self.paginate_queryset(rows)
        self.note_narrow(request=self.request, page=page)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def act_on(
        self, request: Request, permission: Permission, act: Callable[[Any, dict[str, Any]], Any]
    ) -> Response:
        """Carry out an act on the object of the address, once for each Idempotency-Key.

        404 outside, 403 without the right, 400 for a wrong body, 412 where ``If-Match`` does not
        hold (428 where PATCH comes without); then ``act(instance, fields)``. Answers the object as
        it is afterwards.
        """
        instance = self.get_object()
        self.demand(permission, instance)
        serializer = self.get_serializer(data=request.data, partial=request.method == "PATCH")
        serializer.is_valid(raise_exception=True)

        def carry_out() -> Response:
            _lock(instance)
            fresh = self.get_object()
            self.check_match(request, fresh)
            with refusals_told():
                act(fresh, serializer.validated_data)
            return answer_detail(request, self.represent_whole(self.get_object()))

        return once(request, actor=self.actor, now=timezone.now(), act=carry_out)

    def demand(self, permission: Permission, instance: Any) -> None:
        """Refuse who may not do this to the object."""
        require(self.actor, permission, enterprise=self.get_enterprise(instance))

    def check_match(self, request: Request, instance: Any) -> None:
        is_required = request.method == "PATCH"
        check_match(request, self.represent_whole(instance), is_required=is_required)

    def get_body(self, request: Request) -> dict[str, Any]:
        """Return the body's fields; 400 where one is wrong."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def add_under(
        self,
        request: Request,
        parent: Any,
        make: Callable[[], Any],
        *,
        follows: Callable[[], Any] | None = None,
    ) -> Response:
        """Put on record what ``make`` returns, once for each Idempotency-Key; 201 with Location.

        The parent is locked, so that writers come one after the other. ``follows`` returns the
        record that the new one comes after (or None), which is what ``If-Match`` names here.
        """

        def carry_out() -> Response:
            _lock(parent)
            if follows is not None and request.headers.get("If-Match"):
                before = follows()
                if before is None:
                    raise PreconditionFailed
                whole = self.get_queryset().filter(pk=before.pk).first()
                check_match(request, self.represent_whole(whole))
            with refusals_told():
                made = make()
            whole = self.get_queryset().get(pk=made.pk)
            response = answer_detail(request, self.represent_whole(whole), status=201)
            response["Location"] = reverse(f"api:{self.basename}-detail", args=[made.pk])
            return response

        return once(request, actor=self.actor, now=timezone.now(), act=carry_out)

    def represent_whole(self, instance: Any) -> Any:
        """Return the object as its detail shows it, whatever serializer the action reads with."""
        assert self.serializer_class is not None  # noqa: S101  resources have one
        return self.serializer_class(instance, context=self.get_serializer_context()).data


def _lock(instance: Any) -> None:
    locked = type(instance)._default_manager.select_for_update(of=("self",))
    locked.filter(pk=instance.pk).values("pk").first()


class NestedViewSet(ApiViewSet):
    """A list under one object that must be seen itself: 404 where it is not."""

    parent_model: ClassVar[type[Model]]
    model: ClassVar[type[Model]]
    look: ClassVar[str] = ""

    def get_rows(self, parent: Any) -> QuerySet[Any]:
        """Return the rows under the parent that the actor may see."""
        raise NotImplementedError

    def get_enterprise(self, parent: Any) -> Any:
        """Return the enterprise of the parent."""
        return parent.enterprise

    def get_queryset(self) -> QuerySet[Any]:
        manager: Any = self.model._default_manager
        return manager.none()  # for the schema; the rows come by ``list``

    def get_parameter_names(self) -> frozenset[str]:
        filterset: Any = getattr(self, "filterset_class", None)
        names = filterset.base_filters if filterset is not None else ()
        return frozenset({"page_size", "cursor", *names})

    def list(self, request: Request, parent: str) -> Response:
        manager: Any = self.parent_model._default_manager
        instance = get_object_or_404(manager.visible_to(request.user), pk=parent)
        if self.look:
            note_look(request._request, self.get_enterprise(instance), self.look)
        page = self.paginate_queryset(self.filter_queryset(self.get_rows(instance)))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
