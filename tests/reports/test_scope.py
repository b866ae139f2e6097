"""Who sees what: outside the scope is 404, inside without the right 403; reading never writes."""

import pytest
from django.db import connection
from django.urls import reverse

from tests.reports.story import Story

pytestmark = pytest.mark.django_db

WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
EYES = ("enforcer", "administrator", "colleague", "stranger", "officer")


@pytest.fixture
def see(client, story):
    """Return a function that opens a page as a person of the story and gives the response."""

    def open_page(who: str, url: str):
        client.force_login(getattr(story, who))
        return client.get(url)

    return open_page


def pages_of_the_foundry(story: Story) -> list[str]:
    number = story.alerts["red"].number
    return [
        reverse("enterprise", args=[story.foundry.pk]),
        reverse("enterprise_live", args=[story.foundry.pk]),
        reverse("facility_power", args=[story.facilities["furnace1"].pk]),
        reverse("alert", args=[number]),
        reverse("alert_live", args=[number]),
    ]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("enforcer", 200),
        ("administrator", 200),
        ("officer", 200),
        ("colleague", 404),
        ("stranger", 404),
    ],
)
def test_the_foundry_is_seen_by_its_city_and_its_own_people_alone(see, story, who, status):
    found = [see(who, url).status_code for url in pages_of_the_foundry(story)]
    assert found == [status] * len(found)


@pytest.mark.parametrize(
    ("who", "status"), [("enforcer", 302), ("colleague", 404), ("stranger", 404)]
)
def test_the_short_address_tells_a_stranger_nothing(see, story, who, status):
    assert see(who, f"/a/{story.alerts['red'].number}").status_code == status


@pytest.mark.parametrize("who", ["colleague", "stranger", "officer"])
def test_lists_hold_only_what_the_reader_may_see(see, story, who):
    names = {
        "colleague": story.neighbour.name,
        "stranger": story.elsewhere.name,
        "officer": story.foundry.name,
    }
    for name in ("alerts", "enterprises"):
        content = see(who, reverse(name)).content.decode()
        assert {other for other in names.values() if other in content} == {names[who]}


@pytest.mark.parametrize(("who", "own"), [("colleague", "neighbour"), ("stranger", "elsewhere")])
def test_the_overview_counts_only_what_the_reader_may_see(see, story, who, own):
    response = see(who, reverse("city"))
    assert [row.alert.enterprise for row in response.context["view"].now_list] == [
        getattr(story, own)
    ]
    assert [row.enterprise for row in response.context["view"].offline] == [
        getattr(story, own).name
    ]
    assert response.context["view"].total.suspected == 1
    assert response.context["view"].total.required == 1


def test_the_search_does_not_lead_to_anothers_alert(see, story):
    number = story.alerts["red"].number
    url = f"{reverse('enterprises')}?q={number}"
    assert see("enforcer", url).status_code == 302
    assert see("colleague", url).status_code == 200


@pytest.mark.parametrize(
    ("who", "url_name", "status"),
    [
        ("officer", "city", 403),
        ("officer", "city_live", 403),
        ("enforcer", "intake", 403),
        ("colleague", "intake", 403),
        ("administrator", "intake", 200),
        ("enforcer", "messages", 200),
    ],
)
def test_inside_without_the_right_is_403(see, who, url_name, status):
    assert see(who, reverse(url_name)).status_code == status


@pytest.mark.parametrize("name", ["home", "city", "alerts", "enterprises", "intake", "messages"])
def test_without_signing_in_there_is_only_the_door(client, name):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response.url.startswith(reverse("login"))


@pytest.mark.parametrize("who", EYES)
def test_everybody_starts_at_a_page_of_their_own(see, story, who):
    expected = (
        reverse("enterprise", args=[story.foundry.pk]) if who == "officer" else reverse("city")
    )
    assert see(who, "/").url == expected


def test_a_reader_without_a_grant_is_told_what_to_do(client, story):
    story.officer.grants.all().delete()
    client.force_login(story.officer)
    assert client.get("/").status_code == 200
    assert client.get(reverse("enterprises")).context["page"].paginator.count == 0


def test_reading_never_writes(client, story):
    """Every page that is got, by the reader who sees most."""
    urls = [
        *pages_of_the_foundry(story),
        *(reverse(name) for name in ("city", "city_live", "alerts", "enterprises", "intake")),
    ]

    def forbid(execute, sql, params, many, context):
        words = sql.lstrip()
        # That somebody looked is written; nothing else is.
        if not words.startswith("INSERT INTO tenancy_auditentry"):
            assert not words.upper().startswith(WRITES), sql
        return execute(sql, params, many, context)

    client.force_login(story.administrator)
    with connection.execute_wrapper(forbid):
        assert [client.get(url).status_code for url in urls] == [200] * len(urls)
