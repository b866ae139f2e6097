"""The maps of keys and words stay true, whatever is written, and nobody can write them."""

import psycopg
import pytest
from django.db import connection

from enterprises.models import Enterprise, Facility
from meters.models import Collector, Meter, MonitoringPoint
from powerwatch import key_map
from powerwatch.database_roles import grant_roles
from reports.filters import EnterpriseFilter
from tests import factories as make
from tests.powerwatch.test_database_roles import role_connection  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db


def held() -> list[list[tuple[object, ...]]]:
    """Return the rows of all maps."""
    out = []
    with connection.cursor() as cursor:
        for table in (*key_map.READ_ONLY, *key_map.HIDDEN):
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
            out.append(cursor.fetchall())
    return out


def assert_true(*, points: int) -> None:
    kept = held()
    assert len(kept[2]) == points
    with connection.cursor() as cursor:
        key_map.fill(cursor)
    assert kept == held()


def test_the_maps_follow_every_change():
    points = [make.PointFactory() for _ in range(3)]
    assert_true(points=3)
    other = make.CountyFactory()
    Enterprise.objects.filter(sites__facilities__points=points[0]).update(county=other)
    assert {row[3] for row in held()[2]} > {other.pk}
    assert_true(points=3)
    site = make.SiteFactory()
    Collector.objects.filter(points=points[1]).update(site=site, enterprise=site.enterprise)
    Facility.objects.filter(points=points[1]).update(site=site, name="换了地方的除尘器")
    assert_true(points=3)
    MonitoringPoint.objects.filter(pk=points[2].pk).delete()
    Facility.objects.filter(pk=points[2].facility_id).delete()
    assert_true(points=2)


def test_nothing_is_made_twice():
    assert key_map.make_maps() is False


@pytest.mark.django_db(transaction=True)
def test_no_process_writes_the_maps_and_none_reads_the_words(role_connection):  # noqa: F811
    assert grant_roles()
    web = role_connection("web")
    for sql in (
        "DELETE FROM tenancy_sitekey",
        "INSERT INTO tenancy_pointkey VALUES (1, 1, 1, 1)",
        "UPDATE tenancy_collectorkey SET at_county = 1",
        "SELECT * FROM tenancy_sitewords",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            web.execute(sql)
    make.FacilityFactory(name="外人的布袋除尘器")
    assert web.execute("SELECT tenancy_find_sites('%%除尘器%%')").fetchall() == []


@pytest.mark.parametrize(
    "words",
    ["布袋除尘", "100%_电炉", "MN-77", "mn-77", "DB-9", "db-9", "晋南铸造", "nothing", "a\\b"],
)
def test_the_search_finds_what_a_plain_search_finds(words):
    point = make.PointFactory()
    Facility.objects.filter(pk=point.facility_id).update(name="1号布袋除尘器 100%_电炉 a\\b")
    Collector.objects.filter(pk=point.collector_id).update(mn="MN-77-0001")
    Meter.objects.create(point=point, serial="DB-9", valid_from=make.LONG_AGO)
    make.PointFactory()
    make.EnterpriseFactory(name="襄汾县晋南铸造厂")
    found = EnterpriseFilter({"q": words}, queryset=Enterprise.objects.all()).qs
    plain = (
        set(Enterprise.objects.filter(name__icontains=words))
        | {m.point.collector.enterprise for m in Meter.objects.filter(serial__iexact=words)}
        | {c.enterprise for c in Collector.objects.filter(mn__startswith=words)}
    )
    if not words.isascii():  # facilities are asked for in Chinese alone
        plain |= {f.site.enterprise for f in Facility.objects.filter(name__icontains=words)}
    assert set(found) == plain
