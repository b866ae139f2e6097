"""The pages of the portal."""

from django.urls import path

from reports.messages import messages_view
from reports.views import (
    alert,
    audit,
    batches,
    city,
    enterprise,
    enterprise_installation,
    file,
    home,
    installation,
    intake,
    lists,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("favicon.ico", home.favicon),
    path("city/", city.city, name="city"),
    path("city/live/", city.city_live, name="city_live"),
    path("enterprises/", lists.enterprise_list, name="enterprises"),
    path("enterprises/<int:pk>/", enterprise.enterprise, name="enterprise"),
    path("enterprises/new/", file.enterprise_new, name="enterprise_new"),
    path("enterprises/<int:pk>/file/", file.enterprise_file, name="enterprise_file"),
    path("enterprises/<int:pk>/file/<slug:act>/", file.file_act, name="file_act"),
    path("enterprises/<int:pk>/file/<slug:act>/<int:subject>/", file.file_act, name="file_act_on"),
    path("enterprises/<int:pk>/live/", enterprise.enterprise_live, name="enterprise_live"),
    path("facilities/<int:pk>/power.json", enterprise.facility_power, name="facility_power"),
    path("alerts/", lists.alert_list, name="alerts"),
    path("alerts/<str:number>/", alert.alert, name="alert"),
    path("alerts/<str:number>/live/", alert.alert_live, name="alert_live"),
    path("alerts/<str:number>/act/", alert.alert_act, name="alert_act"),
    # The address in SMS: short, because every character of an SMS counts.
    path("a/<str:number>", alert.alert_short, name="alert_short"),
    path("a/<str:number>/", alert.alert_short),
    path("installation/", installation.installation, name="installation"),
    path("installation/list/", installation.installation_list, name="installation_list"),
    path("installation/batches/", batches.batch_list, name="installation_batches"),
    path("installation/batches/new/", batches.batch_new, name="installation_batch_new"),
    path("installation/batches/<int:pk>/", batches.batch, name="installation_batch"),
    path("installation/batches/<int:pk>/act/", batches.batch_act, name="installation_batch_act"),
    path(
        "enterprises/<int:pk>/installation/",
        enterprise_installation.enterprise_installation,
        name="enterprise_installation",
    ),
    path(
        "enterprises/<int:pk>/installation/act/",
        enterprise_installation.enterprise_installation_act,
        name="enterprise_installation_act",
    ),
    path(
        "enterprises/<int:pk>/installation/survey/",
        enterprise_installation.enterprise_survey,
        name="enterprise_survey",
    ),
    path("intake/", intake.intake, name="intake"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.audit_export, name="audit_export"),
    path("audit/<int:pk>/", audit.audit_entry, name="audit_entry"),
    path("enterprises/<int:pk>/looks/", audit.looks, name="enterprise_looks"),
    path("messages/", messages_view, name="messages"),
]
