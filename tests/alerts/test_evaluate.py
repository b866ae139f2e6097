"""From readings in the store to alerts, their log and messages."""

import random

import pytest

from alerts.models import Alert, Occurrence
from meters.models import ChangedWindow
from orders.models import Declaration, DeclarationKind, DeclarationStatus
from tests import factories
from tests.alerts.plant import Plant, alerts, logged, minute, occurrences, told
from tests.helpers import store_reading_rows

pytestmark = pytest.mark.django_db

ON, OFF = 50, 0


def test_a_control_that_never_starts_is_told_at_minute_10_to_city_and_county_at_once():
    plant = Plant()
    plant.send(-30, [OFF] * 30, [OFF] * 30)
    plant.send(0, [ON] * 10, [OFF] * 10)
    plant.evaluate(9)
    assert (occurrences(), alerts()) == ([], [])
    plant.send(10, [ON], [OFF])
    plant.evaluate(10)
    assert occurrences() == [("R01", "FIRING", 1, 0, 10)]
    assert alerts() == [("R01", "OPEN", 1, 0, 10, True, 1)]
    assert logged() == ["opened"]
    assert sorted(told()) == [("opened", "city_enforcer"), ("opened", "county_branch")]
    assert Alert.objects.get().number.startswith("A20261123-")
    assert not ChangedWindow.objects.exists()


def test_it_grows_without_another_word_and_ends():
    plant = Plant()
    plant.send(0, [ON] * 20, [OFF] * 20)
    plant.evaluate(19)
    plant.send(20, [ON], [OFF])
    plant.evaluate(20)
    assert alerts() == [("R01", "OPEN", 1, 0, 20, True, 1)]
    assert logged() == ["opened"]
    plant.send(21, [ON] * 5, [ON] * 5)
    plant.evaluate(25)
    assert occurrences() == [("R01", "ENDED", 1, 0, 21)]
    assert alerts() == [("R01", "OPEN", 1, 0, 21, False, 1)]
    assert logged() == ["opened", "ended"]


def test_a_new_violation_after_recovery_is_an_occurrence_of_the_same_alert_within_8_hours():
    plant = Plant()
    plant.send(0, [ON] * 120, [OFF] * 20 + [ON] * 40 + [OFF] * 20 + [ON] * 40)
    plant.evaluate(119)
    assert alerts() == [("R01", "OPEN", 1, 0, 80, False, 2)]
    assert logged() == ["opened", "occurrence_added"]
    assert [event for event, _ in told()] == ["opened", "opened", "recurred", "recurred"]


def test_after_more_than_8_hours_it_is_a_new_alert():
    plant = Plant()
    plant.send(0, [ON] * 560, [OFF] * 20 + [ON] * 520 + [OFF] * 20)
    plant.evaluate(559)
    assert [alert[3] for alert in alerts()] == [0, 540]


def test_a_decided_alert_takes_no_further_occurrence():
    plant = Plant()
    plant.send(0, [ON] * 30, [OFF] * 20 + [ON] * 10)
    plant.evaluate(29)
    Alert.objects.update(status="CONFIRMED")
    plant.send(30, [ON] * 60, [ON] * 40 + [OFF] * 20)
    plant.evaluate(89)
    assert [(alert[1], alert[3]) for alert in alerts()] == [("CONFIRMED", 0), ("OPEN", 70)]


def test_the_evidence_holds_numbers_spans_and_means():
    plant = Plant()
    plant.send(0, [ON] * 30, [0.5] * 20 + [ON] * 10)
    plant.evaluate(29)
    evidence = Occurrence.objects.get().evidence
    numbers = {row["key"]: row for row in evidence["numbers"]}
    assert numbers["violation_minutes"]["value"] == 20.0
    assert numbers["violation_minutes"]["threshold"] == 10.0
    assert numbers["violation_minutes"]["scope"] == "everyone"
    assert numbers["production_mean_kw"]["value"] == 50.0
    assert numbers["control_mean_kw"]["value"] == 0.5
    assert evidence["controls"][0]["mean_kw"] == 0.5
    assert evidence["controls"][0]["state"] == "OFF"
    assert evidence["production"]["name"] == "1号中频炉"


def test_late_data_withdraw_an_alert_and_say_so():
    plant = Plant()
    store = plant.furnace, plant.fan
    rows = [(store[0].pk, minute(n), 50.0, 230.0, False) for n in range(60)]
    # Every fifth reading of the fan came at first, from a bad moment each time.
    rows += [(store[1].pk, minute(n), 0.0, 230.0, False) for n in range(0, 60, 5)]
    store_reading_rows(rows)
    plant.send(60, [ON], [OFF])
    ChangedWindow.objects.update(since=minute(0))
    plant.evaluate(60)
    assert occurrences() == [("R01", "FIRING", 1, 0, 60)]
    plant.send(1, ["-"] * 59, [ON if n % 5 else "-" for n in range(1, 60)], is_backfill=True)
    plant.evaluate(61)
    assert occurrences() == [("R01", "WITHDRAWN", 1, 0, 60)]
    assert alerts() == [("R01", "WITHDRAWN", 1, 0, 60, False, 0)]
    assert logged() == ["opened", "occurrence_withdrawn", "withdrawn"]
    assert [event for event, _ in told()] == ["opened", "opened", "withdrawn", "withdrawn"]


def test_a_reviewed_alert_is_not_moved_by_data():
    plant = Plant()
    plant.send(0, [ON] * 30, [OFF] * 30)
    plant.evaluate(29)
    Alert.objects.update(status="CONFIRMED")
    type(plant.pairing).objects.update(valid_from=minute(-10), valid_to=minute(-5))
    plant.send(30, [ON], [OFF])
    plant.evaluate(30)
    assert occurrences() == [("R01", "WITHDRAWN", 1, 0, 29)]
    assert [alert[1] for alert in alerts()] == ["CONFIRMED"]


def test_two_occurrences_that_late_data_join_become_one():
    plant = Plant()
    plant.send(0, [ON] * 120, [OFF] * 20 + [ON] * 5 + ["-"] * 50 + [OFF] * 45)
    plant.evaluate(119)
    assert occurrences() == [("R01", "ENDED", 1, 0, 20), ("R01", "FIRING", 1, 75, 119)]
    plant.send(25, ["-"] * 50, [OFF] * 50, is_backfill=True)
    plant.evaluate(120)
    assert occurrences() == [("R01", "FIRING", 1, 0, 119), ("R01", "WITHDRAWN", 1, 75, 119)]
    assert alerts() == [("R01", "OPEN", 1, 0, 119, True, 1)]
    assert "resumed" in logged()


class TestDeclarations:
    def declare(self, plant, status, kind=DeclarationKind.REPAIR, facility=None):
        declaration = Declaration.objects.create(
            enterprise=plant.enterprise,
            kind=kind,
            starts_at=minute(-10),
            ends_at=minute(200),
            reason="更换电机",
            status=status,
        )
        declaration.facilities.add(facility or plant.fan.facility)
        return declaration

    def test_an_accepted_repair_is_kept_as_suppressed_and_told_to_nobody(self):
        plant = Plant()
        declaration = self.declare(plant, DeclarationStatus.ACCEPTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        assert occurrences() == [("R01", "SUPPRESSED", 1, 0, 29)]
        assert (alerts(), told()) == ([], [])
        evidence = Occurrence.objects.get().evidence
        assert evidence["declarations"] == [declaration.pk]
        assert evidence["suppressed_by"]["text"] == "更换电机"
        plant.send(30, [ON], [OFF])
        plant.evaluate(30)
        assert occurrences() == [("R01", "SUPPRESSED", 1, 0, 30)]

    def test_a_repair_that_nobody_accepted_excuses_nothing(self):
        plant = Plant()
        self.declare(plant, DeclarationStatus.SUBMITTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        assert occurrences() == [("R01", "FIRING", 1, 0, 29)]

    def test_acceptance_afterwards_takes_the_alert_back_and_refusal_brings_it_again(self):
        plant = Plant()
        declaration = self.declare(plant, DeclarationStatus.SUBMITTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        self.decide(plant, declaration, DeclarationStatus.ACCEPTED)
        assert occurrences() == [("R01", "SUPPRESSED", 1, 0, 29)]
        assert alerts() == [("R01", "WITHDRAWN", 1, 0, 29, False, 0)]
        assert logged() == ["opened", "suppressed", "withdrawn"]
        self.decide(plant, declaration, DeclarationStatus.REFUSED)
        assert occurrences() == [("R01", "FIRING", 1, 0, 29)]
        assert alerts() == [("R01", "OPEN", 1, 0, 29, True, 1)]
        assert logged()[3:] == ["occurrence_reinstated", "reinstated"]
        assert [event for event, _ in told()] == ["opened"] * 2 + ["withdrawn"] * 2 + [
            "recurred"
        ] * 2

    def test_what_comes_back_after_people_closed_the_alert_opens_a_new_one(self):
        plant = Plant()
        declaration = self.declare(plant, DeclarationStatus.SUBMITTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        self.decide(plant, declaration, DeclarationStatus.ACCEPTED)
        Alert.objects.update(status="CLOSED")
        self.decide(plant, declaration, DeclarationStatus.REFUSED)
        assert [alert[1] for alert in alerts()] == ["CLOSED", "OPEN"]
        assert Occurrence.objects.get().alert == Alert.objects.latest("pk")

    def test_a_suppressed_finding_that_no_data_back_vanishes(self):
        plant = Plant()
        self.declare(plant, DeclarationStatus.ACCEPTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        plant.pairing.valid_to = minute(-5)
        plant.pairing.valid_from = minute(-10)
        plant.pairing.save()
        plant.send(30, [ON], [OFF])
        plant.evaluate(30)
        assert occurrences() == []

    def test_a_suppressed_finding_becomes_an_alert_when_the_declaration_is_refused(self):
        plant = Plant()
        declaration = self.declare(plant, DeclarationStatus.ACCEPTED)
        plant.send(0, [ON] * 30, [OFF] * 30)
        plant.evaluate(29)
        self.decide(plant, declaration, DeclarationStatus.REFUSED)
        assert occurrences() == [("R01", "FIRING", 1, 0, 29)]
        assert logged() == ["opened"]
        assert [event for event, _ in told()] == ["opened", "opened"]

    def decide(self, plant, declaration, status):
        declaration.status = status
        declaration.save()
        ChangedWindow.objects.create(
            enterprise=plant.enterprise, since=minute(0), until=minute(29), received_at=minute(29)
        )
        plant.evaluate(29)


def test_a_pairing_that_changes_hands_over_at_its_date():
    plant = Plant(fans=2)
    plant.pairing.controls.set([plant.fans[0].facility])
    plant.pairing.valid_to = minute(30)
    plant.pairing.save()
    factories.PairingFactory(
        site=plant.site,
        productions=[plant.furnace.facility],
        controls=[plant.fans[1].facility],
        valid_from=minute(30),
    )
    plant.send(0, [ON] * 60, [OFF] * 30 + [ON] * 30, [ON] * 45 + [OFF] * 15)
    plant.evaluate(59)
    assert occurrences() == [("R01", "ENDED", 1, 0, 30), ("R01", "FIRING", 1, 45, 59)]
    assert len({row.subject_key for row in Occurrence.objects.all()}) == 2


def test_a_control_without_a_meter_keeps_the_rule_silent():
    plant = Plant()
    plant.pairing.controls.set([factories.FacilityFactory(site=plant.site, control=True)])
    plant.send(0, [ON] * 30, [OFF] * 30)
    plant.evaluate(29)
    assert occurrences() == []


def test_a_power_cut_of_the_site():
    plant = Plant()
    plant.send(0, [ON] * 10 + ["x"] * 10 + [ON] * 5, [ON] * 10 + ["x"] * 10 + [ON] * 5)
    plant.evaluate(24)
    assert occurrences() == [("R12", "ENDED", 3, 10, 20)]
    evidence = Occurrence.objects.get().evidence
    assert (evidence["points"], evidence["points_total"]) == (2, 2)


def make_day(rng, plant, minutes):
    """Return rows of a day in which production and fans come and go, with gaps and flickers."""
    rows = []
    for point in (plant.furnace, *plant.fans):
        at = 0
        while at < minutes:
            is_furnace = point is plant.furnace
            power = rng.choice([0.0, 50.0, 50.0, 50.0] if is_furnace else [0.0, 0.0, 10.0, 50.0])
            volts = 0.0 if power == 0.0 and rng.random() < 0.15 else 230.0
            for _ in range(rng.choice([1, 2, 4, 12, 25, 60])):
                rows.append((point.pk, minute(at), power, volts, False))
                at += rng.choice([1] * 30 + [2, 4, 7, 25])
    return [row for row in rows if row[1] < minute(minutes)]


def feed(plant, rows, size, now):
    for n in range(0, len(rows), size):
        part = rows[n : n + size]
        store_reading_rows(part)
        ChangedWindow.objects.create(
            enterprise=plant.enterprise,
            since=min(row[1] for row in part),
            until=max(row[1] for row in part),
            received_at=minute(0),
        )
        plant.evaluate(now)


def stand(row):
    numbers = [(number["key"], number["value"]) for number in row.evidence["numbers"]]
    return (
        row.rule,
        row.state,
        row.level,
        row.started_at,
        row.ended_at,
        row.evidence["spans"],
        numbers,
    )


@pytest.mark.parametrize("seed", [2, 3])
def test_the_same_data_in_any_order_leave_the_same_occurrences(seed):
    """In order, in small steps, shuffled in blocks and backwards: all equal what stands."""
    minutes, kept = 400, []
    for order in ("at once", "steps", "late blocks", "backwards"):
        plant = Plant(fans=2, mode="ALL")
        rows = sorted(make_day(random.Random(seed), plant, minutes), key=lambda row: row[1])
        if order == "at once":
            feed(plant, rows, len(rows), minutes)
        elif order == "steps":
            feed(plant, rows, 30, minutes)
        elif order == "late blocks":
            rng = random.Random(seed)
            blocks = [rows[n : n + 25] for n in range(0, len(rows), 25)]
            rng.shuffle(blocks)
            feed(plant, [row for block in blocks for row in block], 25, minutes)
        else:
            feed(plant, rows[::-1], 60, minutes)
        standing = Occurrence.objects.filter(enterprise=plant.enterprise).exclude(state="WITHDRAWN")
        kept.append([stand(row) for row in standing.order_by("rule", "started_at")])
    assert kept[0]
    assert kept[1] == kept[0]
    assert kept[2] == kept[0]
    assert kept[3] == kept[0]
