"""Pages cost the same number of queries for one enterprise and for many."""

import pytest
from django.urls import reverse

from tests import factories
from tests.reports.counting import counted
from tests.reports.story import make_alert, minutes

pytestmark = pytest.mark.django_db


def more_of_everything(story, count: int) -> None:
    """Add enterprises with a silent collector and an alert each, and facilities to the foundry."""
    site = story.facilities["furnace1"].site
    for n in range(count):
        enterprise = factories.EnterpriseFactory(county=story.foundry.county)
        other = factories.SiteFactory(enterprise=enterprise)
        collector = factories.CollectorFactory(site=other)
        make_alert(
            story,
            f"MORE-{n}",
            rule="R10",
            level=2,
            began=50 + n,
            ended=None,
            enterprise=enterprise,
            collector=collector,
            evidence={"collector": {"id": collector.pk, "mn": collector.mn}},
        )
        make_alert(story, f"HERE-{n}", rule="R12", level=3, began=90, ended=60, site=site)
        production = factories.FacilityFactory(site=site, production=True)
        control = factories.FacilityFactory(site=site, control=True)
        factories.PairingFactory(site=site, productions=[production], controls=[control])
        for facility in (production, control):
            point = factories.PointFactory(
                facility=facility,
                collector=story.points["main"].collector,
                circuit=f"m{facility.pk}",
            )
            point.segments.create(
                state="ON", started_at=story.now - minutes(100), ended_at=story.now - minutes(1)
            )


#: page: statements of a request, counted as ``tests.reports.counting`` says: two of the walls,
#: session, person and the grants among them.
COSTS = {
    "city": 9,
    "alerts": 10,
    "enterprises": 9,
    "enterprise": 16,  # with the entry of the look; the live picture, not one of issue 3's lists
    "alert": 17,
    "intake": 8,
}


@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize("name", COSTS)
def test_a_page_costs_what_it_costs(client, story, name, more):
    more_of_everything(story, more)
    client.force_login(story.administrator)
    args = {"enterprise": [story.foundry.pk], "alert": [story.alerts["red"].number]}
    with counted() as statements:
        assert client.get(reverse(name, args=args.get(name, []))).status_code == 200
    assert len(statements) == COSTS[name], "\n".join(statements)


#: page: queries while nothing has changed, what a wall of browsers costs
IDLE_COSTS = {"city_live": 6, "enterprise_live": 7, "alert_live": 7}


@pytest.mark.parametrize("name", IDLE_COSTS)
def test_asking_again_in_vain_is_cheap(client, story, django_capture_on_commit_callbacks, name):
    client.force_login(story.administrator)
    args = {"enterprise_live": [story.foundry.pk], "alert_live": [story.alerts["red"].number]}
    page = reverse(name.removesuffix("_live"), args=args.get(name, []))
    with django_capture_on_commit_callbacks(execute=True):  # the look is marked as noted
        url = client.get(page).context["live_url"]
    with counted() as statements:
        assert client.get(url).status_code == 204
    assert len(statements) == IDLE_COSTS[name], "\n".join(statements)


@pytest.mark.parametrize("name", IDLE_COSTS)
def test_asking_again_after_a_change_gives_the_new_page(client, story, name):
    client.force_login(story.administrator)
    args = {"enterprise_live": [story.foundry.pk], "alert_live": [story.alerts["red"].number]}
    page = reverse(name.removesuffix("_live"), args=args.get(name, []))
    url = client.get(page).context["live_url"]
    make_alert(story, "NEW-1", rule="R12", level=3, began=9, ended=None)
    assert client.get(url).status_code == 200
