"""The generated city: believable, fictional, and the same every time."""

import re
from collections import Counter

import pytest

from enterprises.models import FacilityKind, InstallationStatus, PairingMode
from powerwatch.demo.city import (
    ENTERPRISES_BY_COUNTY,
    PROFILES,
    SECOND_CITY_BY_COUNTY,
    circuits,
    make_city,
)
from powerwatch.demo.people import email, enterprise_people, officials, phone
from tenancy.demo_accounts import DEMO_ACCOUNTS
from tenancy.linfen import COUNTIES, DIVISIONS
from tenancy.models import DivisionKind

CITY = make_city()


def test_it_is_the_same_every_time_and_a_smaller_one_is_its_beginning():
    assert make_city() == CITY
    small = make_city(6)
    assert len([s for s in small if s.code.startswith("LF")]) == 6
    assert all(spec in CITY for spec in small)
    assert {spec.industry for spec in small[:3]} == {"FOUNDRY", "COKING"}


def test_every_name_is_marked_as_fictional_and_names_its_county():
    names = [spec.name for spec in CITY]
    assert len(set(names)) == len(names)
    county_names = {d.code: d.name for d in DIVISIONS}
    for spec in CITY:
        assert spec.name.endswith("(示例)")
        assert county_names[spec.county].startswith(spec.name[:2]) or spec.name[0] in "古吉隰蒲"


def test_the_counties_have_their_share():
    assert len(COUNTIES) == 17
    counts = Counter(spec.county for spec in CITY)
    assert counts == {**ENTERPRISES_BY_COUNTY, **SECOND_CITY_BY_COUNTY}
    assert sum(ENTERPRISES_BY_COUNTY.values()) == 313


def test_about_three_hundred_are_installed_a_dozen_are_on_the_way_and_a_few_exempt():
    linfen = [spec for spec in CITY if spec.code.startswith("LF")]
    counts = Counter(spec.status for spec in linfen)
    assert 295 <= sum(spec.has_devices for spec in linfen) <= 303
    on_the_way = ("REQUIRED", "SURVEYED", "INSTALLING")
    assert 10 <= sum(counts[InstallationStatus(s)] for s in on_the_way) <= 14
    assert 2 <= counts[InstallationStatus.EXEMPT] <= 5


def test_every_enterprise_has_four_to_ten_facilities_and_one_main_meter():
    for spec in CITY:
        assert 4 <= len(spec.facilities) <= 10
        kinds = Counter(facility.kind for facility in spec.facilities)
        assert kinds[FacilityKind.MAIN] == 1
        assert kinds[FacilityKind.PRODUCTION] >= 1
        assert kinds[FacilityKind.CONTROL] >= 1


def test_pairings_join_a_lines_production_to_its_controls():
    for spec in CITY:
        by_code = {facility.code: facility for facility in spec.facilities}
        paired = set()
        for pairing in spec.pairings:
            members = [by_code[code] for code in (*pairing.productions, *pairing.controls)]
            assert len({member.line for member in members}) == 1
            assert pairing.at_least <= len(pairing.controls)
            paired.update(pairing.productions, pairing.controls)
        assert paired == {f.code for f in spec.facilities if f.kind != FacilityKind.MAIN}
    modes = Counter(pairing.mode for spec in CITY for pairing in spec.pairings)
    assert set(modes) == set(PairingMode)


def test_collectors_have_a_number_and_a_password_of_their_own_over_three_families():
    collectors = [spec.collector for spec in CITY]
    assert all(re.fullmatch(r"[0-9A-F]{24}", c.mn) for c in collectors)
    assert all(re.fullmatch(r"[A-Z0-9]{6}", c.password) for c in collectors)
    assert len({c.mn for c in collectors}) == len(CITY)
    assert len({c.password for c in collectors}) == len(CITY)
    families = Counter(c.profile for c in collectors)
    assert min(families[name] for name in PROFILES) > 90


@pytest.mark.parametrize(
    ("profile", "form"),
    [("st44-2025", r"[123]\d\d"), ("st80-family-a", r"\d\d"), ("st80-family-b", r"1000\d\d")],
)
def test_circuits_are_named_as_the_family_names_them(profile, form):
    for spec in CITY:
        if spec.collector.profile == profile:
            named = list(circuits(spec).values())
            assert len(set(named)) == len(spec.facilities)
            assert all(re.fullmatch(form, circuit) for circuit in named)


def test_credit_codes_are_of_no_real_department_and_check():
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for spec in CITY:
        assert re.fullmatch(r"00\d{15}[0-9A-HJ-NP-RTUW-Y]", spec.credit_code)
        total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(spec.credit_code))
        assert (
            total
            - alphabet.index(spec.credit_code[-1]) * pow(3, 17, 31)
            + alphabet.index(spec.credit_code[-1])
        ) % 31 == 0


def test_people_can_be_reached_by_nobody_real():
    people = [*officials(), *enterprise_people(CITY)]
    assert len({person.username for person in people}) == len(people) < 9000
    assert all(person.full_name.endswith("(示例)") for person in people)
    assert phone(7) == "13900000007"
    assert email("x") == "x@example.test"
    branches = [p for p in people if p.role == "county_branch" and p.division]
    assert {p.division for p in branches} >= {county.code for county in COUNTIES}


def test_divisions_come_parents_first():
    seen = set()
    for division in DIVISIONS:
        assert division.parent is None or division.parent in seen
        seen.add(division.code)
    assert sum(d.kind == DivisionKind.CITY for d in DIVISIONS) == 2


def test_demo_passwords_pass_the_rules_for_everybody(settings):
    from django.contrib.auth.password_validation import validate_password

    from tenancy.models import User

    for account in DEMO_ACCOUNTS:
        user = User(username=account["username"], email=email(account["username"]))
        validate_password(account["password"], user)
    assert len({a["password"] for a in DEMO_ACCOUNTS}) == len(DEMO_ACCOUNTS)
