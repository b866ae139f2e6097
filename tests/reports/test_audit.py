"""The auditor's pages, and what an enterprise sees of who looked."""

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import translation

from enterprises.models import Industry
from powerwatch.audited_tables import AUDITED
from reports.queries.audit import COLUMNS, get_models, get_tables
from reports.views.audit import APPS
from tenancy import audit
from tenancy.models import AuditEntry, Role
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(story):
    city = story.foundry.county.parent
    return factories.GrantFactory(role=Role.AUDITOR, division=city).user


@pytest.fixture
def foreign(db):
    """An enterprise of another city, with its entries."""
    city = factories.DivisionFactory(code="140800", name="运城市")
    county = factories.CountyFactory(code="140801", parent=city)
    return factories.EnterpriseFactory(county=county, name="别处铸造(示例)")


@pytest.fixture
def officer(story):
    return factories.GrantFactory(
        role=Role.ENTERPRISE_OFFICER, division=None, enterprise=story.foundry
    ).user


def looks_at(enterprise):
    return AuditEntry.objects.filter(enterprise_id=enterprise.pk, action__endswith=".look")


@pytest.mark.parametrize("name", ["enterprise", "enterprise_live"])
def test_a_look_by_an_authority_is_noted_with_body_and_address(client, story, name):
    client.force_login(story.administrator)
    client.get(reverse(name, args=[story.foundry.pk]))
    (look,) = looks_at(story.foundry)
    assert look.action == "enterprise.look"
    assert (look.actor_id, look.actor_name) == (
        story.administrator.pk,
        str(story.administrator),
    )
    assert look.body.startswith(story.foundry.county.parent.name)
    assert look.address == "127.0.0.1"
    assert look.division_path == story.foundry.county.path


@pytest.mark.parametrize("name", ["alert", "alert_live"])
def test_a_look_at_an_alert_names_it(client, story, name):
    client.force_login(story.administrator)
    number = story.alerts["red"].number
    client.get(reverse(name, args=[number]))
    (look,) = looks_at(story.foundry)
    assert (look.action, look.object_label) == ("alert.look", number)


def test_the_numbers_of_a_facility_are_a_look(client, story):
    client.force_login(story.administrator)
    client.get(reverse("facility_power", args=[story.facilities["furnace1"].pk]))
    assert [look.action for look in looks_at(story.foundry)] == ["power.look"]


def test_one_session_is_noted_once_in_a_quarter_of_an_hour(
    client, story, django_capture_on_commit_callbacks
):
    client.force_login(story.administrator)
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            client.get(reverse("enterprise", args=[story.foundry.pk]))
    assert looks_at(story.foundry).count() == 1


def test_with_the_broker_away_every_look_is_noted(
    client, story, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(cache, "get", _away)
    monkeypatch.setattr(cache, "set", _away)
    client.force_login(story.administrator)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.get(reverse("enterprise", args=[story.foundry.pk]))
            assert answer.status_code == 200
    assert looks_at(story.foundry).count() == 2


def _away(*args, **kwargs):
    raise ConnectionError


def test_the_own_people_are_not_noted(client, story, officer):
    client.force_login(officer)
    client.get(reverse("enterprise", args=[story.foundry.pk]))
    assert not looks_at(story.foundry).exists()


def test_the_enterprise_sees_who_looked(client, story, officer):
    client.force_login(story.administrator)
    client.get(reverse("enterprise", args=[story.foundry.pk]))
    client.force_login(officer)
    for page in ("enterprise", "enterprise_looks"):
        text = client.get(reverse(page, args=[story.foundry.pk])).content.decode()
        assert looks_at(story.foundry).get().body in text
        assert str(story.administrator) in text


def test_names_are_left_out_where_the_bureau_says_so(client, story, officer, settings):
    settings.LOOKS_SHOW_NAMES = False
    client.force_login(story.administrator)
    client.get(reverse("enterprise", args=[story.foundry.pk]))
    client.force_login(officer)
    page = client.get(reverse("enterprise_looks", args=[story.foundry.pk])).content.decode()
    assert looks_at(story.foundry).get().body in page
    assert str(story.administrator) not in page


def test_who_looked_is_shown_to_the_enterprise_alone(client, story, officer, foreign):
    client.force_login(story.administrator)
    assert client.get(reverse("enterprise_looks", args=[story.foundry.pk])).status_code == 403
    client.force_login(officer)
    assert client.get(reverse("enterprise_looks", args=[foreign.pk])).status_code == 404


PAGES = ("audit", "audit_export", "audit_entry")


def _args(name):
    return [AuditEntry.objects.order_by("pk")[0].pk] if name == "audit_entry" else []


@pytest.mark.parametrize("name", PAGES)
def test_the_log_is_the_auditors_alone(client, story, officer, name):
    for user in (story.administrator, officer):
        client.force_login(user)
        assert client.get(reverse(name, args=_args(name))).status_code == 403


def test_an_auditors_home_is_the_log(client, auditor):
    client.force_login(auditor)
    assert client.get(reverse("home")).url == reverse("audit")


def test_an_auditor_reads_the_own_tree_only(client, story, auditor, foreign):
    client.force_login(auditor)
    page = client.get(reverse("audit"), {"table": "enterprises_enterprise"})
    shown = {row["entry"].enterprise_id for row in page.context["rows"]}
    assert story.foundry.pk in shown
    assert foreign.pk not in shown
    entry = AuditEntry.objects.filter(enterprise_id=foreign.pk)[0]
    assert client.get(reverse("audit_entry", args=[entry.pk])).status_code == 404
    assert foreign.name not in client.get(reverse("audit_export")).content.decode()


def test_what_a_person_of_the_tree_does_elsewhere_is_in_it(client, story, auditor, foreign):
    audit.record("enterprise.look", actor=story.administrator, enterprise=foreign)
    client.force_login(auditor)
    page = client.get(reverse("audit"), {"kind": "look"})
    assert [row["entry"].enterprise_id for row in page.context["rows"]] == [foreign.pk]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"person": "稽查对象"}, 1),
        ({"person": "nobody"}, 0),
        ({"kind": "export"}, 1),
        ({"kind": "look"}, 0),
        ({"object": "名单"}, 1),
        ({"table": "alerts_alert"}, 1),
        ({"table": "meters_meter"}, 0),
        ({"address": "10.9.8.7"}, 0),
        ({"address": "no address"}, 1),
        ({"until": "2020-01-01"}, 0),
        ({"since": "x"}, 1),
        ({"since": "2019-13-45", "until": "9"}, 1),
        ({"before": "nonsense"}, 1),
        ({"before": "2026-11-23T00:00:00+00:00~99999999999999999999"}, None),
    ],
)
def test_the_search_finds_what_was_asked(client, story, auditor, asked, found):
    actor = factories.GrantFactory(
        division=story.foundry.county.parent, user__full_name="稽查对象"
    ).user
    audit.record("list.export", actor=actor, object_type="alerts_alert", object_label="名单")
    client.force_login(auditor)
    answer = client.get(reverse("audit"), {"since": "", **asked})
    assert answer.status_code == 200
    if found is not None:
        rows = [r for r in answer.context["rows"] if r["entry"].action == "list.export"]
        assert len(rows) == found


def test_the_enterprise_is_found_by_its_name_without_seeing_its_data(client, story, auditor):
    client.force_login(auditor)
    answer = client.get(reverse("audit"), {"enterprise": story.foundry.name[:4]})
    rows = answer.context["rows"]
    assert rows
    assert {row["enterprise"] for row in rows} == {story.foundry.name}
    assert client.get(reverse("enterprise", args=[story.foundry.pk])).status_code == 404


def test_paging_by_key_shows_every_entry_once(client, story, auditor):
    for n in range(120):
        audit.record(f"test{n}.export", actor=story.administrator)
    client.force_login(auditor)
    url, seen = reverse("audit") + "?kind=export", []
    while url:
        page = client.get(url)
        seen += [row["entry"].action for row in page.context["rows"]]
        older = page.context["older_url"]
        url = reverse("audit") + older if older else ""
    assert seen == [f"test{n}.export" for n in reversed(range(120))]


def test_the_export_is_noted_and_no_cell_is_a_formula(client, story, auditor):
    audit.record("list.export", actor=story.administrator, object_label="=HYPERLINK(1)")
    client.force_login(auditor)
    text = client.get(reverse("audit_export"), {"kind": "export"}).content.decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in text
    noted = AuditEntry.objects.get(action="audit.export")
    assert (noted.actor_id, noted.new) == (auditor.pk, {"rows": 1, "filter": "kind=export"})


def test_old_and_new_stand_side_by_side_in_words(client, story, auditor):
    story.foundry.industry = "BRICK"
    story.foundry.save()
    entry = AuditEntry.objects.get(action="enterprise.change")
    client.force_login(auditor)
    answer = client.get(reverse("audit_entry", args=[entry.pk]))
    (difference,) = answer.context["differences"]
    assert difference.is_changed
    with translation.override("zh-hans"):
        words = [str(Industry.FOUNDRY.label), str(Industry.BRICK.label)]
    assert [difference.old, difference.new] == words


@pytest.mark.parametrize("more", [1, 3])
def test_the_list_costs_what_it_costs(client, story, auditor, django_assert_num_queries, more):
    for n in range(more):
        audit.record(f"x{n}.export", actor=story.administrator, enterprise=story.foundry)
    client.force_login(auditor)
    # session, person, savepoint, entering and naming the body, the frame's grants, the grants for
    # the right, kind of division, entries, names, release
    with django_assert_num_queries(11):
        assert client.get(reverse("audit")).status_code == 200


def test_the_filter_offers_every_audited_table_and_none_without_a_name_in_words():
    offered = dict(get_tables(get_models()))
    models = get_models()
    named = {name for name, model in models.items() if "verbose_name" in model._meta.original_attrs}
    assert {name for name in AUDITED if name in models} <= named == set(offered)
    assert "meters_rawchunk" not in offered


@pytest.mark.parametrize("table", sorted(AUDITED))
def test_every_column_that_an_entry_can_show_has_a_name_in_words(table):
    model = get_models().get(table)
    if model is None or model._meta.app_label not in APPS:
        return
    plain = [
        field.name
        for field in model._meta.fields
        if isinstance(field.verbose_name, str)
        and not field.primary_key
        and field.name not in (*COLUMNS, *AUDITED[table].hidden, *AUDITED[table].ignored)
    ]
    assert plain == []
