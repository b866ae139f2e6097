"""The sheets of the enterprise file: which there are, and what each column holds."""

from enterprises.credit_code import check_credit_code
from enterprises.importing.forms import Column, Kind, SheetForm
from enterprises.models import (
    Drive,
    FacilityKind,
    Industry,
    LoadClass,
    ManagementClass,
    PairingMode,
    ThresholdSource,
)
from enterprises.models.enterprise import Enterprise


def _check_industry_code(text: str) -> None:
    Enterprise._meta.get_field("industry_code").run_validators(text)


def enterprise_column(example: str = "示例 91141023MA0EXAMPL3") -> Column:
    """Return the column by which the other sheets name an enterprise."""
    return Column(
        "enterprise",
        "企业",
        "Enterprise",
        required=True,
        longest=40,
        example=example,
        note="统一社会信用代码或内部编号",
        note_english="unified social credit code or internal number",
    )


def since_column(note: str, english: str) -> Column:
    """Return the column of the day from which a dated record counts."""
    return Column(
        "since",
        "生效日期",
        "Valid from",
        Kind.DATE,
        example="2026-01-01",
        note=note,
        note_english=english,
    )


SITE = Column(
    "site", "厂区", "Site", longest=80, example="主厂区",
    note="只有一个厂区时可不填", note_english="may be left empty where there is one site",
)  # fmt: skip

ENTERPRISES = SheetForm(
    "enterprises",
    "企业",
    "Enterprises",
    (
        Column(
            "credit_code", "统一社会信用代码", "Unified social credit code",
            upper=True, check=check_credit_code, example="示例 91141023MA0EXAMPL3",
            note="18 位，末位为校验码；与内部编号至少填一项",
            note_english="18 characters with a check character; this or the internal number",
        ),
        Column(
            "code", "内部编号", "Internal number", longest=40, example="XF-0007",
            note="新企业不填时用信用代码", note_english="new ones without it get the credit code",
        ),
        Column("name", "企业名称", "Name", required=True, longest=120,
               example="襄汾县某某铸造有限公司"),
        Column(
            "county", "区县", "County", required=True, longest=60, example="襄汾县",
            note="名称或行政区划代码", note_english="name or code of the division",
        ),
        Column("industry", "行业", "Industry", Kind.CHOICE, required=True, choices=Industry,
               example="FOUNDRY"),
        Column(
            "industry_code", "行业代码", "Industry code", longest=5, upper=True,
            check=_check_industry_code, example="C3391", note="GB/T 4754",
            note_english="GB/T 4754",
        ),
        Column("permit_number", "排污许可证编号", "Permit number", longest=40,
               example="91141023MA0EXAMPL3001V"),
        Column("management_class", "许可管理类别", "Permit management", Kind.CHOICE,
               choices=ManagementClass, example="SIMPLIFIED"),
        Column("performance_grade", "绩效等级", "Performance grade", longest=10, example="B"),
        Column("is_key", "重点企业", "Key enterprise", Kind.FLAG, example="是"),
        Column("address", "地址", "Address", longest=200, example="新城镇工业园区 7 号"),
        Column("legal_representative", "法定代表人", "Legal representative", longest=60,
               example="张某某"),
        Column("contact_name", "环保负责人", "Environmental officer", longest=60,
               example="李某某"),
        Column("contact_phone", "负责人手机", "Officer's mobile number", longest=20,
               example="13900000000"),
    ),
)  # fmt: skip

SITES = SheetForm(
    "sites",
    "厂区",
    "Sites",
    (
        enterprise_column(),
        Column("name", "厂区名称", "Site name", required=True, longest=80, example="主厂区"),
        Column("address", "地址", "Address", longest=200, example="新城镇工业园区 7 号"),
        Column("longitude", "经度", "Longitude", Kind.NUMBER, least=-180, most=180,
               example=111.44),
        Column("latitude", "纬度", "Latitude", Kind.NUMBER, least=-90, most=90, example=35.88),
    ),
)  # fmt: skip

LINES = SheetForm(
    "lines",
    "生产线",
    "Production lines",
    (
        enterprise_column(),
        SITE,
        Column("name", "生产线名称", "Line name", required=True, longest=80, example="熔炼线"),
        Column("grade", "绩效等级", "Performance grade", longest=12, example="B"),
        Column("basis", "评级依据", "Basis", longest=120, example="2026 年度绩效评级"),
        since_column("绩效等级从哪天起算", "from when the grade counts"),
    ),
)

FACILITIES = SheetForm(
    "facilities",
    "设施",
    "Facilities",
    (
        enterprise_column(),
        SITE,
        Column("line", "生产线", "Production line", longest=80, example="熔炼线"),
        Column("code", "设施编码", "Facility code", required=True, longest=40, example="F01"),
        Column("name", "设施名称", "Facility name", longest=80, example="1号中频炉",
               note="新设施必填", note_english="needed for a new facility"),
        Column("kind", "类别", "Kind", Kind.CHOICE, choices=FacilityKind, example="PRODUCTION",
               note="新设施必填", note_english="needed for a new facility"),
        Column("process_step", "工艺环节", "Process step", longest=60, example="熔炼"),
        Column("load_class", "负载类型", "Load class", Kind.CHOICE, choices=LoadClass,
               example="FURNACE"),
        Column("rated_kw", "额定功率(kW)", "Rated power (kW)", Kind.NUMBER, least=0,
               example=1250, note="新设施必填", note_english="needed for a new facility"),
        Column("drive", "驱动方式", "Drive", Kind.CHOICE, choices=Drive, example="DIRECT"),
        Column("nominal_voltage_v", "额定相电压(V)", "Nominal phase voltage (V)", Kind.NUMBER,
               least=1, example=220),
        Column("keep_warm_kw", "保温功率(kW)", "Keep-warm power (kW)", Kind.NUMBER, least=0),
        Column("duty_group", "备用组", "Duty/standby group", longest=40,
               note="一用一备的设施写同一组名", note_english="the same word for duty and standby"),
        Column("is_safety_critical", "安全关键设施", "Safety-critical", Kind.FLAG, example="否"),
        Column("off_below_kw", "停机阈值(kW)", "Off below (kW)", Kind.NUMBER, least=0, example=25,
               note="与运行阈值一起填", note_english="together with the other threshold"),
        Column("on_from_kw", "运行阈值(kW)", "On from (kW)", Kind.NUMBER, least=0, example=500),
        Column("reference_kw", "参考负荷(kW)", "Reference load (kW)", Kind.NUMBER, least=0,
               example=900),
        Column("source", "阈值来源", "Source of the thresholds", Kind.CHOICE,
               choices=ThresholdSource, example="COMMISSIONING"),
        since_column("阈值从哪天起算", "from when the thresholds count"),
    ),
)  # fmt: skip

PAIRINGS = SheetForm(
    "pairings",
    "产治关系",
    "Pairings",
    (
        enterprise_column(),
        SITE,
        Column("stage", "治理环节", "Stage", required=True, longest=60, example="除尘"),
        Column("productions", "产污设施编码", "Production facilities", Kind.LIST, required=True,
               example="F01、F02", note="多个用顿号分开", note_english="several parted by commas"),
        Column("controls", "治污设施编码", "Control facilities", Kind.LIST, required=True,
               example="F11、F12", note="多个用顿号分开", note_english="several parted by commas"),
        Column("mode", "运行要求", "Mode", Kind.CHOICE, choices=PairingMode, example="ANY"),
        Column("at_least", "至少台数", "At least", Kind.COUNT, least=1, example=1),
        Column("lead_s", "提前(秒)", "Lead (s)", Kind.COUNT),
        Column("lag_s", "滞后(秒)", "Lag (s)", Kind.COUNT),
        Column("min_ratio", "最低负荷比", "Least share", Kind.SHARE, least=0, most=1),
        since_column("对应关系从哪天起算", "from when the pairing counts"),
    ),
)  # fmt: skip

FORMS = (ENTERPRISES, SITES, LINES, FACILITIES, PAIRINGS)
