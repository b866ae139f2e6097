"""The addresses of the REST API, version 1, its schema and its pages."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from alerts.api import AlertLogViewSet, AlertViewSet, OccurrenceViewSet
from common.api.docs import DocsView, SchemaView
from common.api.views import UnknownAddress
from enterprises.api import (
    AttachmentViewSet,
    EnterpriseViewSet,
    InstallationViewSet,
    LineViewSet,
    ProgressViewSet,
    SiteViewSet,
)
from meters.api import (
    CollectorViewSet,
    MeterViewSet,
    PointViewSet,
    ReadingViewSet,
    SegmentViewSet,
    WorkOrderViewSet,
)
from meters.file_api import FacilityWriteViewSet, PairingWriteViewSet, ThresholdWriteViewSet
from orders.api import DeclarationViewSet
from tenancy.api import DivisionViewSet, MeViewSet
from tenancy.viewsets import ID_PATTERN

app_name = "api"

router = SimpleRouter(trailing_slash=False)
router.register("divisions", DivisionViewSet, "division")
router.register("enterprises", EnterpriseViewSet, "enterprise")
router.register("sites", SiteViewSet, "site")
router.register("lines", LineViewSet, "line")
router.register("facilities", FacilityWriteViewSet, "facility")
router.register("pairings", PairingWriteViewSet, "pairing")
router.register("thresholds", ThresholdWriteViewSet, "threshold")
router.register("attachments", AttachmentViewSet, "attachment")
router.register("installations", InstallationViewSet, "installation")
router.register("collectors", CollectorViewSet, "collector")
router.register("points", PointViewSet, "point")
router.register("meters", MeterViewSet, "meter")
router.register("work-orders", WorkOrderViewSet, "work-order")
router.register("alerts", AlertViewSet, "alert")
router.register("declarations", DeclarationViewSet, "declaration")

PARENT = f"(?P<parent>{ID_PATTERN})"
router.register(f"points/{PARENT}/readings", ReadingViewSet, "reading")
router.register(f"facilities/{PARENT}/segments", SegmentViewSet, "segment")
router.register(f"alerts/{PARENT}/occurrences", OccurrenceViewSet, "occurrence")
router.register(f"alerts/{PARENT}/log", AlertLogViewSet, "alert-log")

v1 = [
    path("me", MeViewSet.as_view({"get": "get_me"}), name="me"),
    path("progress", ProgressViewSet.as_view({"get": "get_progress"}), name="progress"),
    *router.urls,
]

urlpatterns = [
    path("v1/", include(v1)),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(url_name="api:schema"), name="docs"),
    re_path(r"^", UnknownAddress.as_view(), name="unknown"),
]
