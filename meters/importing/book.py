"""The sheets of collectors, points and meters, and the whole book in its order."""

import re

from django.utils.translation import gettext as _

from enterprises.importing.book import FORMS as FILE_FORMS
from enterprises.importing.book import SITE, enterprise_column, since_column
from enterprises.importing.forms import Column, Kind, SheetForm


def check_mn(text: str) -> None:
    """Raise ValueError for what no collector can be called (HJ 212-2017: MN)."""
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,40}", text):
        raise ValueError(_("An MN has letters and digits only, at most 40."))


def check_password(text: str) -> None:
    """Raise ValueError for what cannot stand in a frame's PW field."""
    if not re.fullmatch(r"[0-9A-Za-z]{1,24}", text):
        raise ValueError(_("A password has letters and digits only, at most 24."))


COLLECTORS = SheetForm(
    "collectors",
    "采集设备",
    "Collectors",
    (
        Column("mn", "MN", "Collector MN", required=True, check=check_mn,
               example="示例 1410230000007A", note="数采仪设备编号",
               note_english="number of the collector"),
        enterprise_column("91141023MA0EXAMPL3"),
        SITE,
        Column("expected_interval_s", "上报间隔(秒)", "Expected interval (s)", Kind.COUNT, least=30,
               most=3600, example=60),
        Column("profile", "协议模板", "Protocol profile", longest=60,
               note="不填时自动识别", note_english="empty: recognised from the frames"),
        Column("password", "通信密码", "Password (PW)", check=check_password, example="123456"),
        Column("vendor", "厂家", "Vendor", longest=80, example="某某仪表"),
        Column("model", "型号", "Model", longest=60, example="K37A"),
        Column("serial", "出厂编号", "Serial number", longest=40, example="SN20260001"),
        since_column("设备从哪天起使用", "from when this device is in use"),
    ),
)  # fmt: skip

POINTS = SheetForm(
    "points",
    "监测点与电表",
    "Points and meters",
    (
        Column("mn", "MN", "Collector MN", required=True, check=check_mn,
               example="示例 1410230000007A", note="已登记或写在“采集设备”表中的数采仪",
               note_english="of the sheet Collectors, or registered"),
        Column("circuit", "回路", "Circuit", required=True, longest=20, example="01"),
        Column("facility", "设施编码", "Facility code", required=True, longest=40, example="F01"),
        Column("serial", "电表编号", "Meter serial number", longest=40, example="DB20260001"),
        Column("model", "电表型号", "Meter model", longest=60, example="DTSD"),
        Column("accuracy_class", "准确度等级", "Accuracy class", longest=10, example="0.5S"),
        Column("ct_ratio", "CT变比", "CT ratio", Kind.RATIO, least=0.001, example="400/5",
               note="可写 400/5 或 80", note_english="400/5 or 80"),
        Column("pt_ratio", "PT变比", "PT ratio", Kind.RATIO, least=0.001, example="1"),
        Column("ct_class", "CT准确度", "CT accuracy class", longest=10, example="0.5"),
        Column("certificate_number", "检定证书编号", "Certificate number", longest=60,
               example="JD-2026-0001"),
        Column("certified_on", "检定日期", "Verified", Kind.DATE, example="2026-01-05"),
        Column("certificate_expires_on", "证书有效期至", "Certificate expires", Kind.DATE,
               example="2032-01-04"),
        Column("wiring_checked_on", "接线核查日期", "Wiring checked", Kind.DATE,
               example="2026-01-10"),
        Column("seal_numbers", "封签号", "Seal numbers", longest=120, example="A001、A002"),
        since_column("电表、变比从哪天起算", "from when the meter and ratio count"),
        Column("reason", "变更原因", "Reason of the change", longest=200, example="首次安装"),
    ),
)  # fmt: skip

FORMS = (*FILE_FORMS, COLLECTORS, POINTS)
