"""The loop of an alert: every move in the table, none beside it, one officer at a time."""

import itertools

import pytest

from alerts import operations
from alerts.loop import MOVES, LoopEvent, NotAllowed, can_move, move
from alerts.models import Alert, AlertLog, AlertStatus
from alerts.models.alert import UNREVIEWED_STATUSES
from tests import factories
from tests.alerts.plant import Plant, minute

pytestmark = pytest.mark.django_db

NOW = minute(500)


@pytest.fixture
def alert():
    plant = Plant()
    plant.send(0, [50] * 20, [0] * 20)
    plant.evaluate(19)
    AlertLog.objects.all().delete()
    return Alert.objects.get()


@pytest.fixture
def officer():
    return factories.UserFactory()


@pytest.mark.parametrize(
    ("status", "event"), list(itertools.product(AlertStatus.values, LoopEvent)), ids=str
)
def test_a_move_is_made_if_and_only_if_the_table_has_it(alert, officer, status, event):
    Alert.objects.update(status=status)
    alert.refresh_from_db()
    if (status, event) not in MOVES:
        assert not can_move(alert, event)
        with pytest.raises(NotAllowed):
            move(alert, event, actor=officer, now=NOW)
        assert not AlertLog.objects.exists()
        return
    assert can_move(alert, event)
    move(alert, event, actor=officer, now=NOW, detail={"text": "x"})
    alert.refresh_from_db()
    assert alert.status == MOVES[status, event]
    row = AlertLog.objects.get()
    assert (row.from_status, row.to_status, row.event) == (status, alert.status, event.value)
    assert (row.actor, row.at, row.detail) == (officer, NOW, {"text": "x"})


def test_only_unreviewed_alerts_are_withdrawn():
    withdrawable = {status for status, event in MOVES if event is LoopEvent.WITHDRAW}
    assert withdrawable == set(UNREVIEWED_STATUSES)


def test_of_two_officers_who_saw_it_open_one_is_told_that_it_is_taken(alert, officer):
    other, seen_by_other = factories.UserFactory(), Alert.objects.get()
    operations.acknowledge_alert(alert, actor=officer, now=NOW)
    with pytest.raises(NotAllowed):
        operations.acknowledge_alert(seen_by_other, actor=other, now=NOW)
    assert AlertLog.objects.get().actor == officer


def test_the_whole_way_to_a_confirmed_and_closed_alert(alert, officer):
    operations.acknowledge_alert(alert, actor=officer, now=NOW)
    operations.explain_alert(alert, actor=factories.UserFactory(), now=NOW, text=" 电机故障 ")
    operations.start_verification(alert, actor=officer, now=NOW)
    operations.confirm_alert(alert, actor=officer, now=NOW)
    operations.close_alert(alert, actor=officer, now=NOW)
    events = list(AlertLog.objects.order_by("pk").values_list("event", flat=True))
    assert events == ["acknowledged", "explained", "verification_started", "confirmed", "closed"]
    assert AlertLog.objects.get(event="explained").detail == {"text": "电机故障"}
    assert alert.status == AlertStatus.CLOSED


def test_an_explanation_may_be_accepted(alert, officer):
    operations.explain_alert(alert, actor=officer, now=NOW, text="检修")
    operations.accept_explanation(alert, actor=officer, now=NOW, text="属实")
    assert alert.status == AlertStatus.EXPLAINED_OK


def test_a_dismissal_has_a_reason(alert, officer):
    operations.acknowledge_alert(alert, actor=officer, now=NOW)
    with pytest.raises(ValueError, match="no_such_reason"):
        operations.dismiss_alert(alert, actor=officer, now=NOW, reason="no_such_reason")
    operations.dismiss_alert(alert, actor=officer, now=NOW, reason="threshold_wrong")
    assert AlertLog.objects.get(event="dismissed").detail == {
        "reason": "threshold_wrong",
        "text": "",
    }


def test_another_reason_must_be_said(alert, officer):
    operations.acknowledge_alert(alert, actor=officer, now=NOW)
    with pytest.raises(ValueError, match="owed"):
        operations.dismiss_alert(alert, actor=officer, now=NOW, reason="other", text="  ")
    operations.dismiss_alert(alert, actor=officer, now=NOW, reason="other", text="演习")
    assert alert.status == AlertStatus.DISMISSED


def test_an_empty_explanation_is_refused(alert, officer):
    with pytest.raises(ValueError, match="owed"):
        operations.explain_alert(alert, actor=officer, now=NOW, text=" ")
