"""When we listened, and when we were deaf."""

from datetime import UTC, datetime, timedelta

import pytest

from common.intervals import Span
from meters.listening import ALIVE_FOR, get_deaf_spans, mark_alive
from meters.models import ListeningSpan

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def listen(start: float, end: float, stream: str = "a") -> None:
    ListeningSpan.objects.create(stream=stream, started_at=at(start), alive_at=at(end))


def test_before_the_first_gateway_nothing_is_claimed():
    assert get_deaf_spans(at(-100), at(0)) == []
    listen(0, 10)
    assert get_deaf_spans(at(-100), at(5)) == []


def test_between_two_gateways_we_were_deaf():
    listen(0, 10)
    listen(30, 40)
    assert get_deaf_spans(at(5), at(40)) == [Span(at(10) + ALIVE_FOR, at(30))]


def test_after_the_latest_sign_of_life_we_are_deaf():
    listen(0, 10)
    assert get_deaf_spans(at(60), at(90)) == [Span(at(60), at(90))]


def test_one_of_two_gateways_is_enough():
    listen(0, 10)
    listen(30, 40)
    listen(5, 40, stream="b")
    assert get_deaf_spans(at(0), at(40)) == []


def test_a_gateway_that_lives_moves_its_one_span_on():
    first = mark_alive(None, stream="a", now=at(0))
    assert mark_alive(first, stream="a", now=at(0.5)) == first
    assert ListeningSpan.objects.get().alive_at == at(0.5)


def test_a_gateway_that_slept_begins_a_new_span():
    first = mark_alive(None, stream="a", now=at(0))
    assert mark_alive(first, stream="a", now=at(30)) != first
    assert get_deaf_spans(at(0), at(30)) == [Span(at(0) + ALIVE_FOR, at(30))]


def test_a_clock_set_back_begins_a_new_span():
    first = mark_alive(None, stream="a", now=at(10))
    assert mark_alive(first, stream="a", now=at(0)) != first


def test_it_takes_one_query(django_assert_num_queries):
    listen(0, 10)
    with django_assert_num_queries(1):
        get_deaf_spans(at(0), at(5))
