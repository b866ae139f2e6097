"""Linfen and what is around it: divisions as data.

Codes and names: GB/T 2260 (domain reference, section 13). The development zone has no code of its
own; ``1410EDZ`` is ours. Yuncheng, with three of its counties, is there so that two cities share
the system and neither sees the other. Centres are rough, in degrees, for the map alone.
"""

from typing import NamedTuple

from django.db import transaction

from tenancy.models import Division, DivisionKind

PROVINCE, CITY, SECOND_CITY = "140000", "141000", "140800"


class DivisionData(NamedTuple):
    """A division; ``longitude`` and ``latitude`` are of its centre, None where nobody asks."""

    code: str
    name: str
    name_en: str
    kind: DivisionKind
    parent: str | None
    longitude: float | None = None
    latitude: float | None = None


def _county(
    code: str, name: str, name_en: str, longitude: float, latitude: float, city: str = CITY
) -> DivisionData:
    return DivisionData(code, name, name_en, DivisionKind.COUNTY, city, longitude, latitude)


COUNTIES = (
    _county("141002", "尧都区", "Yaodu", 111.52, 36.08),
    _county("141021", "曲沃县", "Quwo", 111.47, 35.64),
    _county("141022", "翼城县", "Yicheng", 111.72, 35.74),
    _county("141023", "襄汾县", "Xiangfen", 111.44, 35.88),
    _county("141024", "洪洞县", "Hongtong", 111.67, 36.25),
    _county("141025", "古县", "Guxian", 111.92, 36.27),
    _county("141026", "安泽县", "Anze", 112.25, 36.15),
    _county("141027", "浮山县", "Fushan", 111.85, 35.97),
    _county("141028", "吉县", "Jixian", 110.68, 36.10),
    _county("141029", "乡宁县", "Xiangning", 110.85, 35.97),
    _county("141030", "大宁县", "Daning", 110.75, 36.47),
    _county("141031", "隰县", "Xixian", 110.94, 36.69),
    _county("141032", "永和县", "Yonghe", 110.63, 36.76),
    _county("141033", "蒲县", "Puxian", 111.10, 36.41),
    _county("141034", "汾西县", "Fenxi", 111.56, 36.65),
    _county("141081", "侯马市", "Houma", 111.37, 35.62),
    _county("141082", "霍州市", "Huozhou", 111.72, 36.57),
)
SECOND_COUNTIES = (
    _county("140802", "盐湖区", "Yanhu", 110.99, 35.02, SECOND_CITY),
    _county("140823", "闻喜县", "Wenxi", 111.22, 35.36, SECOND_CITY),
    _county("140824", "稷山县", "Jishan", 110.98, 35.60, SECOND_CITY),
)
#: Parents before children.
DIVISIONS = (
    DivisionData(PROVINCE, "山西省", "Shanxi", DivisionKind.PROVINCE, None),
    DivisionData(CITY, "临汾市", "Linfen", DivisionKind.CITY, PROVINCE),
    *COUNTIES,
    DivisionData(
        "1410EDZ",
        "临汾经济开发区",
        "Linfen Economic Development Zone",
        DivisionKind.AREA,
        "141002",
    ),
    DivisionData(SECOND_CITY, "运城市", "Yuncheng", DivisionKind.CITY, PROVINCE),
    *SECOND_COUNTIES,
)


@transaction.atomic
def load_divisions() -> dict[str, Division]:
    """Make the divisions that are missing and return all by code; names in place stay."""
    known = {division.code: division for division in Division.objects.all()}
    for data in DIVISIONS:
        if data.code not in known:
            parent = known[data.parent] if data.parent else None
            known[data.code] = Division.objects.create(
                code=data.code,
                name=data.name,
                name_en=data.name_en,
                kind=data.kind,
                parent=parent,
            )
    return known
