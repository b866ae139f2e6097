"""Whether the time that a refused sign-in takes tells if the name exists.

Medians of the whole request for an unknown name, a wrong password and a closed account, taken in
turn so that the machine's moods fall on all alike. ``run`` reads BENCH_SIGNIN_TRIES (of each; 500).
Failures are counted as always, but nothing is locked. Everything happens in a scratch database.
Goal: within 5 % of the wrong password's.
"""

import os
import statistics
import time
from collections.abc import Iterator

from bench.api import scratch_database

GOAL = 0.05
PASSWORD = "fenhe-River-2026"  # noqa: S105  of the scratch database


def run() -> Iterator[dict[str, object]]:
    """Yield a median in ms for each kind of refusal, and how far each is off the wrong password."""
    tries = int(os.environ.get("BENCH_SIGNIN_TRIES", "500"))
    with scratch_database():
        from django.conf import settings
        from django.contrib.auth.hashers import make_password

        from tests import factories

        settings.AXES_FAILURE_LIMIT = 10**9
        settings.ALLOWED_HOSTS = ["*"]
        stored = make_password(PASSWORD)
        for name, is_active in (("officer", True), ("closed", False)):
            user = factories.UserFactory(username=name, password=stored, is_active=is_active)
            factories.GrantFactory(user=user)
        yield from _report(measure(tries))


def measure(tries: int) -> dict[str, list[float]]:
    """Return the seconds of each try, by kind; needs ``officer`` and the closed ``closed``."""
    from django.test import Client

    kinds = {
        "wrong_password": ("officer", "wrong"),
        "unknown_name": ("nobody", "wrong"),
        "closed_account": ("closed", PASSWORD),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(tries + 1):
        for kind, (username, password) in kinds.items():
            form = {"username": username, "password": password}
            client = Client()
            began = time.perf_counter()
            answer = client.post("/accounts/login/", form)
            seconds = time.perf_counter() - began
            if answer.status_code != 200:
                raise RuntimeError(f"{kind}: {answer.status_code}")
            if number:  # the first loads what is loaded once
                took[kind].append(seconds)
    return took


def _report(took: dict[str, list[float]]) -> Iterator[dict[str, object]]:
    medians = {kind: statistics.median(values) * 1000 for kind, values in took.items()}
    base = medians["wrong_password"]
    for kind, median in medians.items():
        off = median / base - 1
        yield {
            "name": f"signin_{kind}_p50",
            "value": round(median, 2),
            "unit": "ms",
            "ratio": round(median / base, 4),
            "against": f"{off:+.2%} of a wrong password; goal within {GOAL:.0%}",
        }
