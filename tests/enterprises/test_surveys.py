"""Survey sheets: recorded once, followed and never edited, compared with what is registered."""

from datetime import UTC, date, datetime, timedelta

import pytest

from enterprises.models import FacilityKind, Installation, SurveySheet
from enterprises.programme import MoveRefused
from enterprises.surveys import SurveyRow, compare, record_survey, rows_of
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FURNACE = SurveyRow("1号中频炉", FacilityKind.PRODUCTION, 1000.0, "2000/5", "一号柜")
FAN = SurveyRow("布袋除尘风机", FacilityKind.CONTROL, 110.0)


@pytest.fixture
def enterprise():
    return factories.EnterpriseFactory(installation_status="REQUIRED")


def record(enterprise, rows=(FURNACE, FAN), **changes):
    facts = {"surveyed_on": date(2026, 11, 23), "actor": factories.UserFactory(), "now": NOW}
    return record_survey(enterprise, rows=rows, **{**facts, **changes})


def test_a_survey_moves_the_enterprise_and_says_how_many_points_it_needs(enterprise):
    sheet = record(enterprise)
    sheet.refresh_from_db()
    enterprise.refresh_from_db()
    assert enterprise.installation_status == "SURVEYED"
    assert rows_of(sheet) == [FURNACE, FAN]
    assert Installation.objects.get().points_required == 2


def test_a_later_survey_follows_and_takes_nothing_back(enterprise):
    record(enterprise)
    enterprise.installation_status = "CONNECTED"
    enterprise.save()
    record(enterprise, rows=[FURNACE], now=NOW + timedelta(days=1))
    enterprise.refresh_from_db()
    assert enterprise.installation_status == "CONNECTED"
    assert SurveySheet.objects.count() == 2
    assert Installation.objects.get().points_required == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": []},
        {"rows": [FAN] * 201},
        {"surveyed_on": date(2026, 11, 24)},
    ],
    ids=["nothing said", "too many", "a day to come"],
)
def test_a_sheet_that_says_nothing_true_is_refused_whole(enterprise, changes):
    with pytest.raises(MoveRefused):
        record(enterprise, **changes)
    enterprise.refresh_from_db()
    assert enterprise.installation_status == "REQUIRED"
    assert not SurveySheet.objects.exists()


@pytest.mark.parametrize("status", ["NOT_REQUIRED", "EXEMPT", "DISMANTLED"])
def test_nobody_surveys_where_nothing_is_owed(status):
    with pytest.raises(MoveRefused):
        record(factories.EnterpriseFactory(installation_status=status))
    assert not SurveySheet.objects.exists()


def test_what_is_needed_is_compared_with_what_is_registered():
    site = factories.SiteFactory()
    facilities = [
        factories.FacilityFactory(site=site, production=True),
        factories.FacilityFactory(site=site, name="空压机", kind=FacilityKind.AUXILIARY),
    ]
    found = compare([FURNACE, FURNACE, FAN], facilities)
    assert (found.needed, found.registered) == (3, 1)
    assert found.missing == (FURNACE, FAN)
    assert found.beyond == ("空压机",)
    assert not found.is_complete
