"""The people of the demo city. Names say what they are; numbers and addresses reach nobody.

Mobile numbers are 1390000xxxx, addresses end in example.test (a name that never resolves,
RFC 6761). Only the demo accounts can sign in; everybody else exists to be told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from powerwatch.demo.city import EnterpriseSpec
from tenancy.linfen import CITY, COUNTIES, PROVINCE, SECOND_CITY, SECOND_COUNTIES
from tenancy.models import Role

#: Counties whose branch is a demo account of that name.
BRANCH_ACCOUNTS = {"141023": "xiangfen", "141024": "hongtong"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with one role for a division (its code) or an enterprise (its code)."""

    username: str
    full_name: str
    role: Role
    division: str | None = None
    enterprise: str | None = None


def officials() -> Iterator[Person]:
    """Yield the people of the authorities: one for each role, a branch officer in each county."""
    yield Person("province", "省厅值班员(示例)", Role.PROVINCE_VIEWER, PROVINCE)
    yield Person("city", "临汾市局管理员(示例)", Role.CITY_ADMIN, CITY)
    yield Person("enforcer", "临汾市执法队值班员(示例)", Role.CITY_ENFORCER, CITY)
    yield Person("airoffice", "临汾市大气办值班员(示例)", Role.CITY_AIR_OFFICE, CITY)
    yield Person("countyair", "襄汾县大气办负责人(示例)", Role.COUNTY_AIR_OFFICE, "141023")
    yield Person("technical", "临汾市技术审核员(示例)", Role.TECHNICAL_REVIEWER, CITY)
    yield Person("legal", "临汾市法制审核员(示例)", Role.LEGAL_REVIEWER, CITY)
    yield Person("head", "临汾市局负责人(示例)", Role.AUTHORITY_HEAD, CITY)
    # Three different people (等保 2.0 level 3); with the second in force no superuser signs in.
    yield Person("sysadmin", "临汾市系统管理员(示例)", Role.SYSTEM_ADMIN, CITY)
    yield Person("secadmin", "临汾市安全管理员(示例)", Role.SECURITY_ADMIN, CITY)
    yield Person("auditor", "临汾市审计管理员(示例)", Role.AUDITOR, CITY)
    yield Person("yuncheng", "运城市局管理员(示例)", Role.CITY_ADMIN, SECOND_CITY)
    for county in (*COUNTIES, *SECOND_COUNTIES):
        username = BRANCH_ACCOUNTS.get(county.code, f"branch-{county.name_en.lower()}")
        full_name = f"{county.name}分局执法员(示例)"
        yield Person(username, full_name, Role.COUNTY_BRANCH, county.code)
    for county in COUNTIES:
        if county.code in BRANCH_ACCOUNTS:
            full_name = f"{county.name}大气办值班员(示例)"
            username = f"air-{county.name_en.lower()}"
            yield Person(username, full_name, Role.COUNTY_AIR_OFFICE, county.code)


def enterprise_people(specs: Sequence[EnterpriseSpec]) -> Iterator[Person]:
    """Yield an environmental officer and a legal representative of each installed enterprise."""
    for spec in specs:
        if spec.has_devices:
            short = spec.name.removesuffix("(示例)")
            number = spec.code.lower()
            yield Person(
                f"officer-{number}",
                f"{short}环保负责人(示例)",
                Role.ENTERPRISE_OFFICER,
                enterprise=spec.code,
            )
            yield Person(
                f"rep-{number}",
                f"{short}法定代表人(示例)",
                Role.ENTERPRISE_REP,
                enterprise=spec.code,
            )


def phone(number: int) -> str:
    """Return the fictional mobile number of the ``number``-th person, below 10,000."""
    return f"1390000{number:04d}"


def email(username: str) -> str:
    return f"{username}@example.test"
