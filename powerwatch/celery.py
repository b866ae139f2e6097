"""The Celery application. Tasks live in each app's ``tasks.py`` as ``shared_task``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powerwatch.settings")

app = Celery("powerwatch")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
