import pytest

from tests import factories


@pytest.mark.django_db
def test_a_point_hangs_on_a_collector_of_its_facilitys_enterprise():
    point = factories.PointFactory()
    assert point.collector.enterprise == point.facility.site.enterprise
