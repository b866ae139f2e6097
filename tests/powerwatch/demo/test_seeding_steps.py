"""Seeding that is refused, and seeding that was killed."""

import pytest
from django.core.management import CommandError, call_command

from meters.models import Collector, CollectorStatus, LatestReading, MonitoringPoint
from orders.models import Declaration
from powerwatch.demo import history
from tenancy.models import User
from tests.powerwatch.demo.seeding import seed

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings):
    settings.DEMO = True


@pytest.mark.parametrize("command", ["seed_demo", "demo_accounts"])
def test_it_refuses_outside_the_demo(settings, command):
    settings.DEMO = False
    with pytest.raises(CommandError):
        call_command(command)
    assert User.objects.count() == 0


def test_a_seeding_that_was_killed_is_taken_up(demo, monkeypatch):
    written = history._write_plant

    def killed_at_the_third(plant, plan, is_dense):
        if CollectorStatus.objects.count() == 2:
            raise KeyboardInterrupt
        return written(plant, plan, is_dense)

    monkeypatch.setattr(history, "_write_plant", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        seed()
    monkeypatch.undo()
    declared = Declaration.objects.count()
    seed()
    heard = CollectorStatus.objects.values("collector")
    assert Collector.objects.exclude(pk__in=heard).count() == 0
    assert LatestReading.objects.count() == MonitoringPoint.objects.count()
    assert Declaration.objects.count() == declared > 0
