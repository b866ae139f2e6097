"""A file is handed in, checked by the worker, and written when its owner says so."""

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from enterprises.models import Enterprise, ImportJob, ImportStatus
from meters.importing import job as jobs
from meters.importing.book import FORMS
from meters.importing.template import write_template
from meters.tasks import run_import
from tenancy import walls
from tenancy.models import AuditEntry, Grant, Role
from tests import factories
from tests.meters.importing.books import foundry, workbook
from tests.meters.importing.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """The broker's end of the wire: what was asked for."""
    heard = []
    monkeypatch.setattr(
        jobs.current_app, "send_task", lambda task, **options: heard.append(options["kwargs"])
    )
    return heard


@pytest.fixture
def owner(client, city):
    client.force_login(city.admin)
    client.cookies["django_language"] = "en"
    city.admin.language = "en"
    city.admin.save()
    return city.admin


def hand_in(client, book, name="临汾.xlsx"):
    content = book if isinstance(book, bytes) else workbook(book).getvalue()
    return client.post(reverse("imports"), {"file": SimpleUploadedFile(name, content)})


def work(job):
    return jobs.run(job.pk, now=NOW, clock=lambda: NOW)


def test_from_handing_in_to_written(
    client, owner, stands, rings, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        response = hand_in(client, foundry())
    job = ImportJob.objects.get()
    assert response.url == reverse("import", args=[job.pk])
    assert rings == [{"job_id": job.pk}]
    assert "Waiting for its turn" in client.get(response.url).content.decode()
    assert work(job) == ImportStatus.CHECKED
    assert set(stands().values()) == {0}
    assert "Write it now" in client.get(response.url).content.decode()
    client.post(reverse("import_write", args=[job.pk]))
    assert work(job) == ImportStatus.DONE
    assert Enterprise.objects.count() == 1
    assert AuditEntry.objects.get(action="import.write").actor_id == owner.pk
    assert work(job) is None  # the ring came twice
    page = client.get(response.url).content.decode()
    assert "hx-get" not in page


def test_errors_are_shown_and_all_can_be_downloaded(client, owner, stands, monkeypatch):
    monkeypatch.setattr(jobs, "SHOWN_PROBLEMS", 1)
    book = foundry()
    book["facilities"][0]["rated_kw"] = "=1+1"
    book["facilities"][1]["rated_kw"] = "=2+2"
    hand_in(client, book)
    job = ImportJob.objects.get()
    assert work(job) == ImportStatus.FAULTY
    page = client.get(reverse("import", args=[job.pk])).content.decode()
    assert "2 errors: nothing was written" in page
    response = client.get(reverse("import_errors", args=[job.pk]))
    lines = response.getvalue().decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("设施,2,G Rated power (kW),'=1+1,")
    client.post(reverse("import_write", args=[job.pk]))
    job.refresh_from_db()
    assert job.status == ImportStatus.FAULTY
    assert set(stands().values()) == {0}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n\0\xff"])
def test_a_file_that_is_no_table_gets_a_sentence(client, owner, content):
    hand_in(client, content)
    for job in ImportJob.objects.all():
        assert work(job) == ImportStatus.FAULTY
        job.refresh_from_db()
        assert job.errors[0]["problem"].endswith(".")


def test_a_right_taken_away_meanwhile_stops_the_writing(client, owner, stands):
    hand_in(client, foundry())
    job = ImportJob.objects.get()
    work(job)
    client.post(reverse("import_write", args=[job.pk]))
    Grant.objects.filter(user=owner).update(role=Role.COUNTY_AIR_OFFICE)
    assert work(job) == ImportStatus.FAULTY
    assert set(stands().values()) == {0}


def test_what_breaks_off_while_writing_leaves_nothing(client, owner, stands, monkeypatch):
    hand_in(client, foundry())
    job = ImportJob.objects.get()
    work(job)
    client.post(reverse("import_write", args=[job.pk]))
    monkeypatch.setattr(jobs.DevicePlan, "write", lambda self, tell: 1 / 0)
    assert work(job) == ImportStatus.FAILED
    assert set(stands().values()) == {0}


def test_somebody_who_wrote_the_same_meanwhile_is_noticed(client, owner, stands, monkeypatch):
    hand_in(client, foundry())
    job = ImportJob.objects.get()
    work(job)
    client.post(reverse("import_write", args=[job.pk]))
    write = jobs.FilePlan.write

    def late(self, tell):
        with walls.as_system("somebody else, at the same moment"):
            factories.CollectorFactory(mn="141023000000001")
        return write(self, tell)

    monkeypatch.setattr(jobs.FilePlan, "write", late)
    assert work(job) == ImportStatus.FAULTY
    job.refresh_from_db()
    assert "meanwhile" in job.errors[0]["problem"]
    assert set(stands().values()) == {0}


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_writing_is_open(client, owner, monkeypatch):
    hand_in(client, foundry())
    job = ImportJob.objects.get()
    run_import.apply(kwargs={"job_id": job.pk})
    assert client.post(reverse("import_write", args=[job.pk])).status_code == 302
    seen = []
    write = jobs.DevicePlan.write

    def look(self, tell):
        seen.append(ImportJob.objects.get(pk=job.pk).rows_total)
        assert Enterprise.objects.exists()
        return write(self, tell)

    monkeypatch.setattr(jobs.DevicePlan, "write", look)
    run_import.apply(kwargs={"job_id": job.pk})
    job.refresh_from_db()
    assert (job.status, seen) == (ImportStatus.DONE, [16])


def test_a_lost_ring_is_rung_again(client, owner, rings):
    hand_in(client, foundry())
    rings.clear()
    assert jobs.resume() == 1
    assert rings == [{"job_id": ImportJob.objects.get().pk}]
    work(ImportJob.objects.get())
    assert jobs.resume() == 0


@pytest.mark.parametrize("name", ["import", "import_live", "import_errors"])
def test_an_import_is_its_owners_alone(client, owner, city, name):
    hand_in(client, foundry())
    job = ImportJob.objects.get()
    client.force_login(factories.GrantFactory(role=Role.CITY_ADMIN, division=city.division).user)
    assert client.get(reverse(name, args=[job.pk])).status_code == 404
    assert client.post(reverse("import_write", args=[job.pk])).status_code == 404


@pytest.mark.parametrize("name", ["imports", "import_template"])
def test_only_who_may_import_comes_here(client, city, name):
    client.force_login(factories.GrantFactory(role=Role.COUNTY_BRANCH, division=city.county).user)
    assert client.get(reverse(name)).status_code == 403
    client.force_login(city.admin)
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_template_can_be_handed_in_as_it_is(bring, language):
    out = io.BytesIO()
    with translation.override(language):
        write_template(out, language=language)
    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    assert [s.title for s in book.worksheets if s.sheet_state == "visible"][1:] == [
        form.get_title(language) for form in FORMS
    ]
    assert book.worksheets[2]["A1"].comment.text
    assert book.worksheets[2].data_validations.dataValidation
    out.seek(0)
    outcome = bring(out)
    assert outcome.problems == []
    assert outcome.rows == 0  # the example rows are not read
