"""Factories: silent, unsurprising, one small city.

``make_city`` gives Linfen with two counties; the others build on what they are handed.
"""

from datetime import UTC, date, datetime

import factory
from factory.django import DjangoModelFactory

from enterprises.models import (
    Enterprise,
    Facility,
    FacilityKind,
    Industry,
    Installation,
    InstallationBatch,
    InstallationStatus,
    LoadClass,
    Pairing,
    PairingMode,
    ProductionLine,
    Site,
    Threshold,
    ThresholdSource,
)
from meters.models import Collector, MonitoringPoint
from tenancy.models import Division, DivisionKind, Grant, OperatorCompany, Role, User

LONG_AGO = datetime(2019, 1, 1, tzinfo=UTC)


class DivisionFactory(DjangoModelFactory):
    class Meta:
        model = Division
        django_get_or_create = ("code",)

    code = "141000"
    name = "临汾市"
    kind = DivisionKind.CITY


class CountyFactory(DivisionFactory):
    code = factory.Sequence(lambda n: f"1419{n:02d}")  # no real county of Linfen has these
    name = factory.Sequence(lambda n: f"测试{n}县")
    kind = DivisionKind.COUNTY
    parent = factory.SubFactory(DivisionFactory)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"user{n}")
    full_name = factory.Sequence(lambda n: f"测试员{n}")
    phone = factory.Sequence(lambda n: f"139{n:08d}")
    email = factory.Sequence(lambda n: f"user{n}@example.test")


class GrantFactory(DjangoModelFactory):
    class Meta:
        model = Grant

    user = factory.SubFactory(UserFactory)
    role = Role.CITY_ENFORCER
    division = factory.SubFactory(DivisionFactory)
    starts_at = LONG_AGO


class EnterpriseFactory(DjangoModelFactory):
    class Meta:
        model = Enterprise

    name = factory.Sequence(lambda n: f"测试{n}铸造有限公司(示例)")
    code = factory.Sequence(lambda n: f"T-{n:04d}")
    county = factory.SubFactory(CountyFactory)
    industry = Industry.FOUNDRY
    installation_status = InstallationStatus.ACCEPTED


class SiteFactory(DjangoModelFactory):
    class Meta:
        model = Site

    enterprise = factory.SubFactory(EnterpriseFactory)
    name = "主厂区"


class LineFactory(DjangoModelFactory):
    class Meta:
        model = ProductionLine

    site = factory.SubFactory(SiteFactory)
    name = "一号线"


class FacilityFactory(DjangoModelFactory):
    class Meta:
        model = Facility

    class Params:
        production = factory.Trait(
            kind=FacilityKind.PRODUCTION,
            name="1号中频炉",
            rated_kw=1000.0,
            load_class=LoadClass.FURNACE,
        )
        control = factory.Trait(
            kind=FacilityKind.CONTROL,
            name="布袋除尘风机",
            rated_kw=110.0,
            load_class=LoadClass.FIXED,
        )

    site = factory.SubFactory(SiteFactory)
    code = factory.Sequence(lambda n: f"F{n:04d}")
    name = "设施"
    kind = FacilityKind.PRODUCTION
    rated_kw = 100.0


class ThresholdFactory(DjangoModelFactory):
    class Meta:
        model = Threshold

    facility = factory.SubFactory(FacilityFactory)
    valid_from = LONG_AGO
    off_below_kw = 1.0
    on_from_kw = 20.0
    source = ThresholdSource.COMMISSIONING


class PairingFactory(DjangoModelFactory):
    class Meta:
        model = Pairing
        skip_postgeneration_save = True

    site = factory.SubFactory(SiteFactory)
    stage = "除尘"
    mode = PairingMode.ANY
    valid_from = LONG_AGO

    @factory.post_generation
    def productions(self, create, extracted, **kwargs):
        if create and extracted:
            self.productions.set(extracted)

    @factory.post_generation
    def controls(self, create, extracted, **kwargs):
        if create and extracted:
            self.controls.set(extracted)


class CollectorFactory(DjangoModelFactory):
    class Meta:
        model = Collector

    mn = factory.Sequence(lambda n: f"{n:024X}")
    site = factory.SubFactory(SiteFactory)
    enterprise = factory.SelfAttribute("site.enterprise")
    expected_interval_s = 60


class PointFactory(DjangoModelFactory):
    class Meta:
        model = MonitoringPoint

    collector = factory.SubFactory(CollectorFactory, site=factory.SelfAttribute("..facility.site"))
    circuit = factory.Sequence(lambda n: f"{n % 100:02d}")
    facility = factory.SubFactory(FacilityFactory)


class CompanyFactory(DjangoModelFactory):
    class Meta:
        model = OperatorCompany

    name = factory.Sequence(lambda n: f"测试{n}运维有限公司(示例)")
    division = factory.SubFactory(DivisionFactory)


class BatchFactory(DjangoModelFactory):
    class Meta:
        model = InstallationBatch

    division = factory.SubFactory(DivisionFactory)
    name = factory.Sequence(lambda n: f"测试{n}通知")
    issued_on = date(2026, 8, 1)
    due_on = date(2026, 10, 31)


class InstallationFactory(DjangoModelFactory):
    class Meta:
        model = Installation

    enterprise = factory.SubFactory(EnterpriseFactory)
    batch = factory.SubFactory(BatchFactory)
    due_on = date(2026, 10, 31)
