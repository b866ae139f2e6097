"""What the product imports comes from the runtime lock, not from the tools of its developers."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Run apart: an import of anything that only the development lock brings fails as it would on a
# machine that never saw that lock.
SCRIPT = """
import importlib.metadata, pkgutil, re, sys
from pathlib import Path

def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()

lock = Path("requirements.txt").read_text()
allowed = {plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.M)} | {"pip", "uv"}
owners = importlib.metadata.packages_distributions()
refused = {
    module for module, names in owners.items()
    if not any(plain(name) in allowed for name in names)
}

class Refuse:
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"not in the runtime lock: {fullname}", name=fullname)

sys.meta_path.insert(0, Refuse())
import django
django.setup()
import kombu.transport.redis, celery.bin.worker, celery.bin.beat, celery.apps.worker
import gunicorn.app.wsgiapp, gunicorn.workers.gthread
import powerwatch.urls, powerwatch.wsgi, powerwatch.celery
from django.core.management import get_commands, load_command_class
ours = {"powerwatch", "meters", "alerts", "reports", "enterprises", "orders", "tenancy", "common"}
for command, app in get_commands().items():
    if app in ours:
        load_command_class(app, command)
powerwatch.celery.app.loader.import_default_modules()
print("refused", len(refused), "commands", sum(app in ours for app in get_commands().values()))
"""


def test_the_product_runs_on_the_runtime_lock_alone():
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "powerwatch.settings",
        "POWERWATCH_SECRET_KEY": "x",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    counts = [int(number) for number in re.findall(r"\d+", result.stdout)]
    assert counts[0] > 5  # something was there to refuse, so the test could fail
    assert counts[1] >= 8
