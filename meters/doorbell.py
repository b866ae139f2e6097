"""Telling evaluation that readings came, without ever waiting for the broker.

The doorbell saves seconds and carries nothing: what changed stands in ``ChangedWindow``, and the
beat looks there every few seconds, so a lost ring costs time and no alert.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from celery import current_app

logger = logging.getLogger(__name__)

TASK: Final = "alerts.evaluate_changed"
QUEUE: Final = "evaluate"
EXPIRES_S: Final = 5
QUIET_S: Final = 0.1  # at most one ring in this time
_SAY_AGAIN_S: Final = 60.0


def ring() -> None:
    """Ask for an evaluation of what changed. Blocks on the broker; raises its errors."""
    current_app.send_task(TASK, queue=QUEUE, expires=EXPIRES_S, ignore_result=True, retry=False)


class Doorbell:
    """Rings on a thread of its own, throttled; a press is always followed by a ring."""

    def __init__(self, ring: Callable[[], None] = ring) -> None:
        self.rings = self.failures = 0
        self._ring = ring
        self._condition = threading.Condition()
        self._is_pressed = self._is_closing = False
        self._said_at = -_SAY_AGAIN_S
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def press(self) -> None:
        """Ask for a ring soon; returns at once, from any thread."""
        with self._condition:
            self._is_pressed = True
            self._condition.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Ring for the last press, then end; waits at most this long for the broker."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._is_pressed or self._is_closing)
                if not self._is_pressed:
                    return
                self._is_pressed = False
            self._try()
            with self._condition:
                self._condition.wait_for(lambda: self._is_closing, QUIET_S)

    def _try(self) -> None:
        try:
            self._ring()
            self.rings += 1
        except Exception as error:  # the broker's many kinds; readings must not wait for it
            self.failures += 1
            if time.monotonic() - self._said_at >= _SAY_AGAIN_S:
                self._said_at = time.monotonic()
                logger.warning("cannot ring for evaluation, the beat will: %s", error)
