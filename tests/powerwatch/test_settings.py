"""The settings refuse to start with what a city must not run on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PRODUCTION = {
    "POWERWATCH_SECRET_KEY": "a-long-random-key-of-a-real-installation-0123456789-abcdefghij",
    "DATABASE_URL": "postgresql://powerwatch@db.example.test/powerwatch",
    "REDIS_URL": "redis://broker.example.test/0",
    "POWERWATCH_BASE_URL": "https://powerwatch.example.test",
    "POWERWATCH_ALLOWED_HOSTS": "powerwatch.example.test",
}


def run_check(**environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("POWERWATCH_", "DATABASE_URL", "REDIS_URL", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_production_environment_passes_the_deployment_check():
    result = run_check(**PRODUCTION)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("missing", ["POWERWATCH_SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_it_does_not_start_without(missing):
    result = run_check(**{k: v for k, v in PRODUCTION.items() if k != missing})
    assert result.returncode != 0
    assert f"{missing} must be set" in result.stderr


def test_it_names_an_unknown_database_role():
    result = run_check(**PRODUCTION, POWERWATCH_DB_ROLE="root")
    assert result.returncode != 0
    assert "POWERWATCH_DB_ROLE='root'" in result.stderr
