"""Tasks of the metering tables."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from meters.importing import job
from meters.partitions import make_partitions_ahead


@shared_task(name="meters.make_partitions")
def make_partitions() -> int:
    """Make the partitions that the coming days need; return how many were missing."""
    return make_partitions_ahead(timezone.now().date())


@shared_task(name=job.TASK, bind=True, max_retries=None)
def run_import(self: Any, job_id: int, **kwargs: object) -> str:
    """Check or write one import, as its status asks; come back while another one runs."""
    with job.one_at_a_time() as is_free:
        if not is_free:
            raise self.retry(countdown=3)
        return str(job.run(job_id, now=timezone.now(), clock=timezone.now) or "")


@shared_task(name="meters.resume_imports")
def resume_imports(**kwargs: object) -> int:
    """Ask again for imports whose ring was lost; return how many."""
    return job.resume()
