"""The doorbell rings seldom, never too late, and never minds a dead broker."""

import threading
import time
from itertools import pairwise

from meters.doorbell import QUIET_S, Doorbell


def test_many_presses_ring_a_few_times_and_the_last_is_heard() -> None:
    rung_at: list[float] = []
    bell = Doorbell(lambda: rung_at.append(time.monotonic()))
    until = time.monotonic() + 0.35
    while time.monotonic() < until:
        bell.press()
        last_press = time.monotonic()
        time.sleep(0.001)
    bell.close()

    assert 2 <= len(rung_at) <= 6
    assert rung_at[-1] >= last_press - 0.01
    assert all(later - earlier > QUIET_S * 0.5 for earlier, later in pairwise(rung_at[:-1]))


def test_a_dead_broker_is_only_counted() -> None:
    def fail() -> None:
        raise ConnectionError("no broker")

    bell = Doorbell(fail)
    bell.press()
    bell.close()

    assert (bell.rings, bell.failures) == (0, 1)


def test_pressing_never_waits() -> None:
    release = threading.Event()
    bell = Doorbell(lambda: [None, None][release.wait(5)])
    began = time.monotonic()
    for _ in range(100):
        bell.press()
    assert time.monotonic() - began < 0.5
    release.set()
    bell.close()
