"""What the admin lets one change, and what it only shows."""

import pytest
from django.urls import reverse

from alerts.admin import RuleParameterForm
from alerts.models import Alert
from meters.models import ChangedWindow
from orders.models import Declaration
from tests.alerts.plant import Plant, minute

pytestmark = [
    pytest.mark.django_db,
    # WhiteNoise says so where no static files were collected, which no test needs.
    pytest.mark.filterwarnings("ignore:No directory at"),
]

VALID = {"key": "r01_minutes", "value": "15", "valid_from": "2026-11-23 00:00"}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, set()),
        ({"key": "no_such_key"}, {"key"}),
        ({"value": "-1"}, {"value"}),
        ({"key": "r01_level", "value": "4"}, {"value"}),
        ({"key": "r01_level", "value": "2"}, set()),
        ({"value": ""}, {"value"}),
    ],
)
def test_a_parameter_must_be_known_and_make_sense(change, wrong):
    assert set(RuleParameterForm({**VALID, **change}).errors) == wrong


def test_a_parameter_has_one_scope():
    county = Plant().enterprise.county
    form = RuleParameterForm({**VALID, "division": county.pk, "industry": "COKING"})
    assert not form.is_valid()


@pytest.fixture
def story():
    plant = Plant()
    plant.send(0, [50] * 20, [0] * 20)
    plant.evaluate(19)
    return plant


@pytest.mark.parametrize("model", ["alert", "occurrence", "alertlog", "notification"])
def test_facts_are_shown_and_not_changed(admin_client, story, model):
    listing = admin_client.get(reverse(f"admin:alerts_{model}_changelist"))
    assert listing.status_code == 200
    assert admin_client.get(reverse(f"admin:alerts_{model}_add")).status_code == 403
    instance = listing.context["cl"].queryset.first()
    page = reverse(f"admin:alerts_{model}_change", args=[instance.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {}).status_code == 403
    gone = reverse(f"admin:alerts_{model}_delete", args=[instance.pk])
    assert admin_client.post(gone, {"post": "yes"}).status_code == 403
    assert Alert.objects.count() == 1


def test_parameters_are_listed_and_never_deleted(admin_client):
    assert admin_client.get(reverse("admin:alerts_ruleparameter_changelist")).status_code == 200
    assert admin_client.get(reverse("admin:alerts_ruleparameter_add")).status_code == 200
    row = reverse("admin:alerts_ruleparameter_delete", args=[1])
    assert admin_client.post(row, {"post": "yes"}).status_code in (302, 403)


def test_a_decision_on_a_declaration_has_its_time_judged_again(admin_client, story):
    page = reverse("admin:orders_declaration_add")
    data = {
        "enterprise": story.enterprise.pk,
        "facilities": str(story.fan.facility_id),
        "kind": "REPAIR",
        "starts_at_0": "2026-11-22",
        "starts_at_1": "23:00:00",
        "ends_at_0": "2026-11-23",
        "ends_at_1": "06:00:00",
        "reason": "更换电机",
        "status": "ACCEPTED",
    }
    assert admin_client.post(page, data).status_code == 302
    declaration = Declaration.objects.get()
    assert declaration.starts_at == minute(-60)
    assert ChangedWindow.objects.get().since == minute(-60)
    gone = reverse("admin:orders_declaration_delete", args=[declaration.pk])
    assert admin_client.post(gone, {"post": "yes"}).status_code == 403
