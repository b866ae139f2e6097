"""Writing the enterprise file: every refusal is said at its field, and nothing is half-written."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from enterprises import operations as ops
from enterprises.industries import find_industry
from enterprises.models import Enterprise, Facility, Industry, LineGrade
from enterprises.queries import get_grade_at
from tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
DAY = timedelta(days=1)
RIGHT_CODE = "91140100110112345N"


def refused(call, *args, **kwargs) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        call(*args, actor=None, now=NOW, **kwargs)
    error = caught.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


def values(county, **more):
    return {
        "name": "测试铸造",
        "code": "N-1",
        "county": county,
        "industry": Industry.FOUNDRY,
    } | more


def test_a_credit_code_with_a_wrong_check_character_is_refused_at_its_field():
    county = factories.CountyFactory()
    found = refused(ops.create_enterprise, **values(county, credit_code="91140100110112345A"))
    assert list(found) == ["credit_code"]
    assert not Enterprise.objects.exists()


def test_an_enterprise_stands_in_a_county():
    city = factories.DivisionFactory()
    assert list(refused(ops.create_enterprise, **values(city))) == ["county"]


def test_a_code_that_is_taken_is_refused():
    enterprise = factories.EnterpriseFactory()
    found = refused(ops.create_enterprise, **values(enterprise.county, code=enterprise.code))
    assert list(found) == ["code"]


def test_the_second_of_two_writers_is_told():
    enterprise = factories.EnterpriseFactory()
    seen = ops.mark(enterprise, ops.ENTERPRISE_FIELDS)
    ops.update_enterprise(enterprise, actor=None, now=NOW, seen=seen, address="甲路1号")
    found = refused(ops.update_enterprise, enterprise, seen=seen, address="乙路2号")
    assert "他人已作修改" in found[""][0]
    enterprise.refresh_from_db()
    assert enterprise.address == "甲路1号"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"longitude": 111.5}, "latitude"),
        ({"longitude": 36.1, "latitude": 111.5}, "longitude"),
        ({"longitude": 111.5, "latitude": 5.0}, "latitude"),
        ({"name": ""}, "name"),
    ],
)
def test_a_site_outside_the_country_is_refused(given, field):
    enterprise = factories.EnterpriseFactory()
    assert list(refused(ops.add_site, enterprise, **({"name": "东厂区"} | given))) == [field]


def test_a_contact_needs_a_way_to_be_reached():
    enterprise = factories.EnterpriseFactory()
    found = refused(ops.add_contact, enterprise, kind="DUTY", name="值班室")
    assert list(found) == ["phone"]


def test_two_lines_of_a_site_have_two_names():
    line = factories.LineFactory()
    assert list(refused(ops.add_line, line.site, name=line.name)) == ["name"]


def test_a_grade_is_a_new_record_and_the_old_one_stays():
    line = factories.LineFactory()
    ops.set_grade(line, grade="b", valid_from=NOW - 100 * DAY, actor=None, now=NOW)
    ops.set_grade(line, grade="A", valid_from=NOW, actor=None, now=NOW)
    assert get_grade_at(line, NOW - DAY).grade == "B"
    assert get_grade_at(line, NOW).grade == "A"


def test_a_grade_that_reaches_back_names_its_basis():
    line = factories.LineFactory()
    ops.set_grade(line, grade="B", valid_from=NOW - 100 * DAY, actor=None, now=NOW)
    found = refused(ops.set_grade, line, grade="A", valid_from=NOW - DAY)
    assert list(found) == ["basis"]


def test_two_grades_from_one_moment_are_refused():
    line = factories.LineFactory()
    ops.set_grade(line, grade="B", valid_from=NOW, actor=None, now=NOW)
    assert list(refused(ops.set_grade, line, grade="A", valid_from=NOW)) == ["valid_from"]
    assert LineGrade.objects.count() == 1


def test_a_date_beyond_a_year_ahead_is_a_typing_error():
    line = factories.LineFactory()
    found = refused(ops.set_grade, line, grade="A", valid_from=NOW + 400 * DAY)
    assert list(found) == ["valid_from"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rated_kw": 0.0}, "rated_kw"),
        ({"keep_warm_kw": 101.0}, "keep_warm_kw"),
        ({"kind": "SOMETHING"}, "kind"),
    ],
)
def test_a_facility_that_cannot_be_is_refused(given, field):
    site = factories.SiteFactory()
    whole = {"code": "P1", "name": "炉", "kind": "PRODUCTION", "rated_kw": 100.0} | given
    assert list(refused(ops.create_facility, site, **whole)) == [field]
    assert not Facility.objects.exists()


def test_a_facility_stands_on_a_line_of_its_own_site():
    elsewhere = factories.LineFactory()
    found = refused(
        ops.create_facility,
        factories.SiteFactory(),
        code="P1",
        name="炉",
        kind="PRODUCTION",
        rated_kw=10.0,
        line=elsewhere,
    )
    assert list(found) == ["line"]


def test_an_industry_code_is_explained_and_an_unknown_one_is_taken():
    assert find_industry("C3391").group == Industry.FOUNDRY
    assert find_industry("9999") is None
    county = factories.CountyFactory()
    made = ops.create_enterprise(actor=None, now=NOW, **values(county, industry_code="9999"))
    assert made.industry_code == "9999"
