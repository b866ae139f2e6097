"""The two loops: what changed, and what fell silent."""

import pytest
from django.db import connection

from alerts import drain, evaluate
from alerts.drain import drain_changes, evaluate_silent, find_silent_enterprises, process_changes
from alerts.models import Alert, AlertLog, Occurrence
from alerts.tasks import evaluate_changed, evaluate_clock
from meters.models import ChangedWindow, ListeningSpan, StateSegment
from orders.models import Declaration, DeclarationKind
from tests.alerts.plant import Plant, alerts, logged, minute, occurrences, told

pytestmark = pytest.mark.django_db

ON, OFF = 50, 0


def clock():
    return minute(20)


class TestChanges:
    def test_every_waiting_enterprise_is_evaluated_and_its_queue_rows_go(self):
        plants = [Plant(), Plant()]
        for plant in plants:
            plant.send(0, [ON] * 20, [OFF] * 20)
        drained = drain_changes(clock=clock)
        assert (drained.evaluated, drained.busy, drained.failed) == (2, 0, 0)
        assert Alert.objects.count() == 2
        assert not ChangedWindow.objects.exists()

    def test_twice_has_the_effect_of_once(self):
        plant = Plant()
        plant.send(0, [ON] * 20, [OFF] * 20)
        drain_changes(clock=clock)
        before = occurrences(), alerts(), logged(), told()
        ChangedWindow.objects.create(
            enterprise=plant.enterprise, since=minute(0), until=minute(19), received_at=minute(19)
        )
        drain_changes(clock=clock)
        assert (occurrences(), alerts(), logged(), told()) == before

    def test_a_poisoned_enterprise_keeps_its_rows_and_does_not_keep_the_others(self, monkeypatch):
        poisoned, healthy = Plant(), Plant()
        for plant in (poisoned, healthy):
            plant.send(0, [ON] * 20, [OFF] * 20)
        real = evaluate.evaluate_enterprise

        def fail_for_one(enterprise_id, **kwargs):
            outcome = real(enterprise_id, **kwargs)
            if enterprise_id == poisoned.enterprise.pk:
                raise RuntimeError("a bug in a rule")
            return outcome

        monkeypatch.setattr(drain, "evaluate_enterprise", fail_for_one)
        drained = drain_changes(clock=clock)
        assert (drained.evaluated, drained.failed) == (1, 1)
        assert [row.enterprise for row in Alert.objects.all()] == [healthy.enterprise]
        assert {row.enterprise for row in ChangedWindow.objects.all()} == {poisoned.enterprise}
        assert not StateSegment.objects.filter(point=poisoned.furnace).exists()
        monkeypatch.undo()
        drain_changes(clock=clock)
        assert Alert.objects.count() == 2

    def test_it_stops_when_its_time_is_up(self):
        plant = Plant()
        plant.send(0, [ON], [OFF])
        assert drain_changes(clock=clock, budget_s=0).evaluated == 0
        assert ChangedWindow.objects.exists()

    def test_an_enterprise_that_another_worker_holds_is_left_to_it(self, monkeypatch):
        plant = Plant()
        plant.send(0, [ON], [OFF])
        monkeypatch.setattr(drain, "try_lock", lambda enterprise_id: False)
        assert drain_changes(clock=clock).busy == 1
        assert ChangedWindow.objects.exists()

    def test_nothing_waiting_is_nothing_done(self):
        assert process_changes(Plant().enterprise.pk, now=minute(0)) is False


class TestSilence:
    def make(self, interval=60):
        plant = Plant()
        plant.collector.expected_interval_s = interval
        plant.collector.save()
        plant.send(-30, [ON] * 31, [ON] * 31)
        plant.evaluate(0)
        plant.heard(0)
        return plant

    def test_it_rises_with_its_length_and_each_level_is_told_once(self):
        self.make()
        for now in (14, 15, 16, 59, 60, 61, 240, 241):
            evaluate_silent(now=minute(now))
        assert occurrences() == [("R10", "FIRING", 1, 0, 240)]
        assert alerts() == [("R10", "OPEN", 1, 0, 240, True, 1)]
        assert logged() == ["opened", "level_raised", "level_raised"]
        assert AlertLog.objects.values_list("detail__level", flat=True).order_by("pk")[1] == 2

    def test_only_what_is_due_is_looked_at(self):
        plant = self.make()
        found = {}
        for now in (14, 15, 16, 24, 25, 60, 61):
            found[now] = find_silent_enterprises(minute(now)) == [plant.enterprise.pk]
            evaluate_silent(now=minute(now))
        assert found == {14: False, 15: True, 16: False, 24: False, 25: True, 60: True, 61: False}

    def test_backfill_withdraws_it_with_both_times_kept(self):
        plant = self.make()
        evaluate_silent(now=minute(20))
        plant.send(31, [ON], [ON])
        plant.heard(31)
        plant.evaluate(31)
        assert occurrences() == [("R10", "ENDED", 3, 0, 31)]
        plant.send(1, [ON] * 30, [ON] * 30, is_backfill=True)
        plant.evaluate(40)
        assert occurrences() == [("R10", "WITHDRAWN", 3, 0, 31)]
        assert logged() == ["opened", "ended", "occurrence_withdrawn", "withdrawn"]
        assert Alert.objects.get().detected_at == minute(20)
        assert AlertLog.objects.get(event="withdrawn").at == minute(40)

    def test_a_silence_that_a_stopped_worker_missed_for_hours(self):
        self.make()
        evaluate_silent(now=minute(20))
        evaluate_silent(now=minute(1000))
        assert occurrences() == [("R10", "FIRING", 1, 0, 1000)]

    def test_a_platform_that_was_down_itself_blames_no_collector(self):
        self.make()
        for start, end in ((-60, 1), (100, 200)):
            ListeningSpan.objects.create(stream="a", started_at=minute(start), alive_at=minute(end))
        assert find_silent_enterprises(minute(105)) == []
        evaluate_silent(now=minute(105))
        assert occurrences() == []
        evaluate_silent(now=minute(115))  # the collector had a quarter of an hour to come back
        assert occurrences() == [("R10", "FIRING", 3, 0, 115)]

    def test_a_slow_collector_is_given_its_three_intervals(self):
        self.make(interval=1200)
        assert find_silent_enterprises(minute(59)) == []
        assert len(find_silent_enterprises(minute(60))) == 1

    def test_a_collector_that_never_sent_a_value_is_not_looked_at(self):
        plant = Plant()
        plant.heard(0)
        plant.collector.status.latest_measured_at = None
        plant.collector.status.save()
        assert find_silent_enterprises(minute(60)) == []

    def test_announced_work_on_the_device_suppresses_it(self):
        plant = self.make()
        Declaration.objects.create(
            enterprise=plant.enterprise,
            kind=DeclarationKind.DEVICE_WORK,
            starts_at=minute(-10),
            ends_at=minute(100),
            reason="更换采集模块",
        )
        Declaration.objects.update(submitted_at=minute(-20))
        evaluate_silent(now=minute(20))
        assert occurrences() == [("R10", "SUPPRESSED", 3, 0, 20)]
        assert find_silent_enterprises(minute(21)) == []
        assert told() == []

    def test_an_enterprise_that_another_worker_holds_is_left_to_it(self, monkeypatch):
        self.make()
        monkeypatch.setattr(drain, "try_lock", lambda enterprise_id: False)
        assert evaluate_silent(now=minute(20)).busy == 1


def test_the_tasks_take_whatever_they_are_handed():
    evaluate_changed(why="rung")
    evaluate_clock(why="schedule")
    assert not Occurrence.objects.exists()


@pytest.mark.parametrize("points", [2, 10])
def test_a_quiet_minute_takes_the_same_queries_however_many_points(
    points, django_assert_num_queries
):
    plant = Plant(fans=points - 1)
    plant.send(0, [ON] * 30, *[[ON] * 30] * (points - 1))
    plant.evaluate(29)
    plant.send(30, [ON], *[[ON]] * (points - 1))
    with django_assert_num_queries(16):  # of which a savepoint takes two, here in a transaction
        plant.evaluate(30)


def test_alert_numbers_are_the_databases():
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('alerts_alert_number_seq', 1000000)")
    plant = Plant()
    plant.send(0, [ON] * 20, [OFF] * 20)
    plant.evaluate(20)
    assert Alert.objects.get().number == "A20261123-000001"
