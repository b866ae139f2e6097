"""A believable night: one foundry with everything that a picture can show, and its neighbours.

``make_story`` fills the database; times count back from ``now``, so that tests may fix the clock
and a browser may look at it live. People: a city enforcer (owner of the matter), the city
administrator, a colleague of another county, a stranger of another city, the foundry's own officer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from alerts.models import (
    Alert,
    AlertLog,
    AlertStatus,
    Channel,
    Notification,
    NotificationState,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from enterprises.models import (
    Enterprise,
    Facility,
    FacilityKind,
    Industry,
    InstallationStatus,
    LoadClass,
    PairingMode,
)
from meters.models import (
    Collector,
    CollectorStatus,
    IntakeIssue,
    IntakeReason,
    LatestReading,
    MonitoringPoint,
    Reading,
    ReadingConflict,
    StateSegment,
)
from meters.partitions import make_partitions
from orders.models import Declaration, DeclarationKind, DeclarationStatus
from tenancy.models import Division, Role, User
from tests import factories

PASSWORD = "look-at-the-night"
COUNTIES = (
    ("141002", "尧都区", "Yaodu", 45),
    ("141021", "曲沃县", "Quwo", 35),
    ("141022", "翼城县", "Yicheng", 28),
    ("141023", "襄汾县", "Xiangfen", 55),
    ("141024", "洪洞县", "Hongtong", 50),
    ("141025", "古县", "Guxian", 12),
    ("141026", "安泽县", "Anze", 8),
    ("141027", "浮山县", "Fushan", 8),
    ("141028", "吉县", "Jixian", 2),
    ("141029", "乡宁县", "Xiangning", 12),
    ("141030", "大宁县", "Daning", 1),
    ("141031", "隰县", "Xixian", 3),
    ("141032", "永和县", "Yonghe", 1),
    ("141033", "蒲县", "Puxian", 10),
    ("141034", "汾西县", "Fenxi", 5),
    ("141081", "侯马市", "Houma", 20),
    ("141082", "霍州市", "Huozhou", 18),
)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@dataclass(slots=True)
class Story:
    now: datetime
    city: Division
    counties: dict[str, Division]
    foundry: Enterprise
    facilities: dict[str, Facility]
    points: dict[str, MonitoringPoint]
    alerts: dict[str, Alert]
    enforcer: User
    administrator: User
    colleague: User
    stranger: User
    officer: User
    neighbour: Enterprise  # in the colleague's county
    elsewhere: Enterprise  # in the stranger's city


def make_story(
    now: datetime, *, crowd: bool = False, passwords: bool = False, readings: bool = True
) -> Story:
    """Build the story.

    ``crowd`` adds the demo number of enterprises to every county; ``passwords`` lets people sign in
    with ``PASSWORD`` and ``readings`` gives the power line something to draw: both take a second.
    """
    city = factories.DivisionFactory(name_en="Linfen")
    counties = {
        code: factories.CountyFactory(code=code, name=name, name_en=english, parent=city)
        for code, name, english, __ in COUNTIES
    }
    foundry = factories.EnterpriseFactory(
        name="襄汾县恒源铸造有限公司（示例）",
        code="XF-0007",
        county=counties["141023"],
        address="襄汾县新城镇工业园区 7 号",
        performance_grade="B",
        is_key=True,
    )
    neighbour = factories.EnterpriseFactory(
        name="洪洞县广胜焦化有限公司（示例）",
        code="HD-0002",
        county=counties["141024"],
        industry=Industry.COKING,
    )
    other_city = factories.DivisionFactory(code="140800", name="运城市", name_en="Yuncheng")
    elsewhere = factories.EnterpriseFactory(
        name="运城市盐湖水泥有限公司（示例）",
        code="YC-0001",
        county=factories.CountyFactory(code="140802", name="盐湖区", parent=other_city),
    )
    story = Story(
        now=now,
        city=city,
        counties=counties,
        foundry=foundry,
        facilities={},
        points={},
        alerts={},
        enforcer=_person("enforcer", "王建国", Role.CITY_ENFORCER, division=city),
        administrator=_person("administrator", "李慧", Role.CITY_ADMIN, division=city),
        colleague=_person("colleague", "赵敏", Role.COUNTY_BRANCH, division=counties["141024"]),
        stranger=_person("stranger", "钱远", Role.CITY_ENFORCER, division=other_city),
        officer=_person("officer", "孙厂长", Role.ENTERPRISE_OFFICER, enterprise=foundry),
        neighbour=neighbour,
        elsewhere=elsewhere,
    )
    if passwords:
        for user in User.objects.all():
            user.set_password(PASSWORD)
            user.save()
    _plant(story)
    _night(story, with_readings=readings)
    _alerts(story)
    _others(story)
    if crowd:
        make_crowd(story)
    return story


def _person(username: str, name: str, role: str, **scope: object) -> User:
    user = factories.UserFactory(username=username, full_name=name)
    factories.GrantFactory(user=user, role=role, **{"division": None, "enterprise": None, **scope})
    return user


# --- the plant ------------------------------------------------------------------------------

#: key: (line, kind, name, rated kW, load class)
PLANT = {
    "furnace1": (0, FacilityKind.PRODUCTION, "1号中频炉", 1250, LoadClass.FURNACE),
    "furnace2": (0, FacilityKind.PRODUCTION, "2号中频炉", 1250, LoadClass.FURNACE),
    "fan_a": (0, FacilityKind.CONTROL, "布袋除尘风机A", 132, LoadClass.VFD),
    "fan_b": (0, FacilityKind.CONTROL, "布袋除尘风机B（备）", 132, LoadClass.VFD),
    "mixer": (1, FacilityKind.PRODUCTION, "混砂机", 55, LoadClass.CYCLIC),
    "shakeout": (1, FacilityKind.PRODUCTION, "落砂机", 37, LoadClass.CYCLIC),
    "sand_fan": (1, FacilityKind.CONTROL, "砂处理除尘风机", 75, LoadClass.FIXED),
    "spray": (1, FacilityKind.CONTROL, "喷淋水泵", 11, LoadClass.FIXED),
    "main": (None, FacilityKind.MAIN, "企业总表", 4000, LoadClass.MAIN),
}


def _plant(story: Story) -> None:
    site = factories.SiteFactory(enterprise=story.foundry)
    lines = [
        factories.LineFactory(site=site, name=name, position=position)
        for position, name in enumerate(("熔炼线", "砂处理线"))
    ]
    for position, (key, (line, kind, name, rated, load)) in enumerate(PLANT.items()):
        story.facilities[key] = factories.FacilityFactory(
            site=site,
            line=None if line is None else lines[line],
            code=f"F{position + 1:02d}",
            kind=kind,
            name=name,
            rated_kw=rated,
            load_class=load,
            position=position,
        )
        factories.ThresholdFactory(
            facility=story.facilities[key],
            off_below_kw=rated * 0.03,
            on_from_kw=rated * 0.4,
            reference_kw=rated * 0.72,
        )
    f = story.facilities
    factories.PairingFactory(
        site=site,
        stage="除尘",
        mode=PairingMode.ANY,
        productions=[f["furnace1"], f["furnace2"]],
        controls=[f["fan_a"], f["fan_b"]],
    )
    factories.PairingFactory(
        site=site,
        stage="除尘",
        mode=PairingMode.ALL,
        productions=[f["mixer"], f["shakeout"]],
        controls=[f["sand_fan"], f["spray"]],
    )
    collector = factories.CollectorFactory(site=site, mn="1410230700AA00000000C001")
    CollectorStatus.objects.create(
        collector=collector,
        first_measured_at=story.now - timedelta(days=200),
        latest_measured_at=story.now - minutes(1),
        latest_received_at=story.now - minutes(1),
        latest_peer="10.14.23.7:50211",
        frame_count=288_211,
    )
    for number, key in enumerate(PLANT):
        story.points[key] = factories.PointFactory(
            facility=f[key], collector=collector, circuit=f"{number + 1:02d}"
        )


# --- the night: minutes before now -> state -------------------------------------------------

NIGHT = {
    "furnace1": [(900, "OFF"), (560, "ON"), (470, "STANDBY"), (440, "ON"), (352, "POWER_CUT"),
                 (330, "OFF"), (300, "STANDBY"), (285, "ON"), (190, "STANDBY"), (165, "ON"),
                 (1, None)],
    "furnace2": [(900, "OFF"), (520, "ON"), (352, "POWER_CUT"), (330, "OFF"), (1, None)],
    "fan_a": [(900, "OFF"), (570, "ON"), (352, "POWER_CUT"), (330, "OFF"), (305, "ON"),
              (47, "OFF"), (1, None)],
    "fan_b": [(900, "OFF"), (535, "STANDBY"), (352, "POWER_CUT"), (330, "OFF"), (1, None)],
    "mixer": [(900, "ON"), (700, "OFF"), (480, "ON"), (410, "OFF"), (395, "ON"),
              (352, "POWER_CUT"), (330, "OFF"), (270, "ON"), (150, "OFF"), (1, None)],
    "shakeout": [(900, "ON"), (690, "OFF"), (465, "ON"), (352, "POWER_CUT"), (330, "OFF"),
                 (255, "ON"), (140, "OFF"), (1, None)],
    "sand_fan": [(900, "ON"), (680, "OFF"), (485, "ON"), (352, "POWER_CUT"), (330, "OFF"),
                 (275, "ON"), (215, "UNKNOWN"), (190, "ON"), (130, "OFF"), (1, None)],
    "spray": [(900, "ON"), (680, "OFF"), (440, "ON"), (352, "POWER_CUT"), (330, "OFF"),
              (275, "ON"), (130, "OFF"), (1, None)],
    "main": [(900, "ON"), (352, "POWER_CUT"), (330, "ON"), (1, None)],
}  # fmt: skip
SHARE = {"ON": 0.72, "STANDBY": 0.16, "OFF": 0.004, "POWER_CUT": 0.0}
#: Filled in later: the stretch of the sand line that its collector sent after a gap.
BACKFILLED = (("mixer", 270), ("shakeout", 255))


def _night(story: Story, *, with_readings: bool) -> None:
    segments, readings = [], []
    for key, edges in NIGHT.items():
        point, rated = story.points[key], PLANT[key][3]
        for (ago, state), (until, __) in pairwise(edges):
            kw = None if state == "UNKNOWN" else round(rated * SHARE[str(state)], 1)
            count = 0 if state == "UNKNOWN" else ago - until
            segments.append(
                StateSegment(
                    point=point,
                    state=state,
                    started_at=story.now - minutes(ago),
                    ended_at=story.now - minutes(until),
                    mean_kw=kw,
                    max_kw=kw and kw * 1.06,
                    reading_count=count,
                    backfill_count=count if (key, ago) in BACKFILLED else 0,
                )
            )
            if kw is not None and with_readings:
                readings += [
                    _reading(story, point, ago - step, kw * (1 + 0.05 * ((step * 7) % 5 - 2) / 2))
                    for step in range(count)
                ]
        latest_kw = round(rated * SHARE[str(edges[-2][1])], 1)
        LatestReading.objects.create(
            point=point,
            measured_at=story.now - minutes(1),
            received_at=story.now - minutes(1),
            p_kw=latest_kw,
        )
    StateSegment.objects.bulk_create(segments)
    if not readings:
        return
    days = [reading.measured_at.astimezone(UTC).date() for reading in readings]
    make_partitions(min(days), max(days))
    Reading.objects.bulk_create(readings, batch_size=2000)


def _reading(story: Story, point: MonitoringPoint, ago: float, kw: float) -> Reading:
    at = story.now.replace(second=0, microsecond=0) - minutes(ago)
    return Reading(
        point=point,
        measured_at=at,
        received_at=at + timedelta(seconds=4),
        p_kw=round(kw, 2),
        flag="N",
        is_backfill=False,
        chunk_id=1,
    )


# --- alerts of each level and state ---------------------------------------------------------


def make_alert(
    story: Story,
    number: str,
    *,
    rule: str,
    level: int,
    began: float,
    ended: float | None,
    status: str = AlertStatus.OPEN,
    enterprise: Enterprise | None = None,
    evidence: dict | None = None,
    state: str | None = None,
    **subject: object,
) -> Alert:
    """Raise an alert that began and ended so many minutes ago (ended None: goes on)."""
    enterprise = enterprise or story.foundry
    start, end = story.now - minutes(began), story.now - minutes(ended or 0)
    detected = min(start + minutes(11), story.now)
    alert = Alert.objects.create(
        number=number,
        rule=rule,
        level=level,
        status=status,
        enterprise=enterprise,
        county=enterprise.county,
        subject_key=f"story:{number}",
        first_started_at=start,
        latest_ended_at=end,
        is_ongoing=ended is None,
        detected_at=detected,
        **subject,
    )
    Occurrence.objects.create(
        alert=alert,
        enterprise=enterprise,
        rule=rule,
        subject_key=alert.subject_key,
        state=state or (OccurrenceState.FIRING if ended is None else OccurrenceState.ENDED),
        level=level,
        started_at=start,
        ended_at=end,
        detected_at=detected,
        evidence=evidence or {},
    )
    AlertLog.objects.create(
        alert=alert, at=detected, event="opened", to_status=AlertStatus.OPEN, detail={}
    )
    return alert


def _r01_evidence(story: Story, began: float, ended: float) -> dict:
    f = story.facilities
    return {
        "as_of": (story.now - minutes(ended)).isoformat(),
        "production": {"id": f["furnace1"].pk, "name": f["furnace1"].name, "mean_kw": 900.0},
        "controls": [
            {"id": f["fan_a"].pk, "name": f["fan_a"].name, "state": "OFF", "mean_kw": 0.5},
            {"id": f["fan_b"].pk, "name": f["fan_b"].name, "state": "OFF", "mean_kw": 0.5},
        ],
        "pairing": {"id": 1, "stage": "除尘", "mode": "ANY", "at_least": 1},
        "numbers": [
            {
                "key": "violation_minutes",
                "value": began - ended,
                "unit": "min",
                "threshold": 10,
                "threshold_key": "r01_minutes",
                "valid_from": "2026-01-01T00:00:00+08:00",
                "scope": "default",
            },
            {
                "key": "on_from_kw",
                "value": 500.0,
                "unit": "kW",
                "threshold": 500.0,
                "threshold_key": "on_from_kw",
                "valid_from": "2026-03-15T00:00:00+08:00",
                "scope": "facility",
            },
        ],
        "spans": [
            [
                (story.now - minutes(began)).isoformat(),
                (story.now - minutes(ended)).isoformat(),
            ]
        ],
        "unknown_minutes": 0,
        "backfilled": False,
        "declarations": [],
        "suppressed_by": None,
    }


def _alerts(story: Story) -> None:
    furnace = story.facilities["furnace1"]
    collector = story.points["furnace1"].collector
    a = story.alerts
    a["red"] = make_alert(
        story,
        "LF20261124-0007",
        rule=RuleCode.R01,
        level=1,
        began=47,
        ended=None,
        facility=furnace,
        evidence=_r01_evidence(story, 47, 0),
    )
    a["dismissed"] = make_alert(
        story,
        "LF20261123-0031",
        rule=RuleCode.R01,
        level=1,
        began=440,
        ended=415,
        status=AlertStatus.DISMISSED,
        facility=furnace,
        evidence=_r01_evidence(story, 440, 415),
    )
    AlertLog.objects.create(
        alert=a["dismissed"],
        at=story.now - minutes(300),
        actor=story.enforcer,
        event="dismissed",
        from_status=AlertStatus.ACKNOWLEDGED,
        to_status=AlertStatus.DISMISSED,
        detail={"reason": "test"},
    )
    a["power_cut"] = make_alert(
        story,
        "LF20261123-0033",
        rule=RuleCode.R12,
        level=3,
        began=352,
        ended=330,
        status=AlertStatus.ACKNOWLEDGED,
        site=furnace.site,
        evidence={
            "site": {"id": furnace.site_id, "name": "主厂区"},
            "points": 9,
            "points_total": 9,
        },
    )
    a["offline"] = make_alert(
        story,
        "LF20261123-0035",
        rule=RuleCode.R10,
        level=3,
        began=215,
        ended=190,
        status=AlertStatus.WITHDRAWN,
        state=OccurrenceState.WITHDRAWN,
        collector=collector,
        evidence={"collector": {"id": collector.pk, "mn": collector.mn}},
    )
    for state, channel, person in (
        (NotificationState.SENT, Channel.SMS, story.enforcer),
        (NotificationState.UNKNOWN, Channel.SMS, story.officer),
        (NotificationState.FAILED, Channel.EMAIL, story.officer),
    ):
        Notification.objects.create(
            key=f"opened:{a['red'].pk}:{person.pk}:{channel}",
            alert=a["red"],
            recipient=person,
            audience=Role.CITY_ENFORCER,
            channel=channel,
            address=person.phone if channel == Channel.SMS else person.email,
            text="一级疑似报警：襄汾县恒源铸造，1号中频炉",
            state=state,
            created_at=a["red"].detected_at,
            due_at=a["red"].detected_at,
            sent_at=a["red"].detected_at + timedelta(seconds=3)
            if state == NotificationState.SENT
            else None,
            error="mailbox full" if state == NotificationState.FAILED else "",
        )
    declaration = Declaration.objects.create(
        enterprise=story.foundry,
        kind=DeclarationKind.REPAIR,
        starts_at=story.now - minutes(130),
        ends_at=story.now + minutes(60),
        reason="砂处理除尘风机更换布袋",
        status=DeclarationStatus.ACCEPTED,
    )
    declaration.facilities.set(
        [story.facilities[key] for key in ("mixer", "shakeout", "sand_fan", "spray")]
    )


# --- everybody else -------------------------------------------------------------------------


def _others(story: Story) -> None:
    for enterprise, number, level in (
        (story.neighbour, "LF20261124-0003", 2),
        (story.elsewhere, "YC20261124-0001", 1),
    ):
        site = factories.SiteFactory(enterprise=enterprise)
        collector = factories.CollectorFactory(site=site)
        CollectorStatus.objects.create(
            collector=collector, latest_received_at=story.now - minutes(75)
        )
        make_alert(
            story,
            number,
            rule=RuleCode.R10,
            level=level,
            began=75,
            ended=None,
            enterprise=enterprise,
            collector=collector,
            evidence={"collector": {"id": collector.pk, "mn": collector.mn}},
        )
    issue = {"first_at": story.now - minutes(900), "latest_at": story.now - minutes(3)}
    IntakeIssue.objects.create(
        reason=IntakeReason.UNKNOWN_MN,
        mn="1410240200AA00000000C009",
        peer="10.14.24.9:40022",
        count=214,
        sample=b"##0123QN=20261124021000000;ST=44;CN=2011;PW=123456;MN=1410240200AA00000000C009",
        **issue,
    )
    IntakeIssue.objects.create(
        reason=IntakeReason.UNKNOWN_CODE,
        mn="1410230700AA00000000C001",
        code="d20999-Rtd",
        count=31,
        sample=b"d20999-Rtd=<script>alert(1)</script>",
        **issue,
    )
    IntakeIssue.objects.create(
        reason=IntakeReason.GARBAGE, peer="203.0.113.9:1", count=7, sample=b"\x00\xffGET /", **issue
    )
    ReadingConflict.objects.create(
        point=story.points["fan_a"],
        measured_at=story.now - minutes(200),
        received_at=story.now - minutes(190),
        kept={"p_kw": 95.0},
        refused={"p_kw": 12.0},
        chunk_id=7,
    )


def make_crowd(story: Story, *, scale: float = 1.0) -> None:
    """Add the demo number of enterprises, one site and collector each, most of them online."""
    industries = [value for value, __ in Industry.choices]
    enterprises = [
        Enterprise(
            name=f"{name}{'晋恒汾源泰和广盛'[n % 8]}{'兴达通瑞'[n % 4]}{n + 1}号企业（示例）",
            code=f"{code}-{n:05d}",
            county=story.counties[code],
            industry=industries[n % len(industries)],
            installation_status=InstallationStatus.REQUIRED
            if n % 11 == 10
            else InstallationStatus.ACCEPTED,
        )
        for code, name, __, count in COUNTIES
        for n in range(round(count * scale))
    ]
    Enterprise.objects.bulk_create(enterprises, batch_size=5000)
    installed = [e for e in enterprises if e.installation_status == InstallationStatus.ACCEPTED]
    sites = [factories.SiteFactory.build(enterprise=e) for e in installed]
    type(sites[0]).objects.bulk_create(sites, batch_size=5000)
    collectors = [
        Collector(mn=f"{n:024X}", enterprise=site.enterprise, site=site)
        for n, site in enumerate(sites, start=0xC0000)
    ]
    Collector.objects.bulk_create(collectors, batch_size=5000)
    CollectorStatus.objects.bulk_create(
        [
            CollectorStatus(
                collector=collector,
                latest_received_at=story.now - (minutes(1) if n % 31 else minutes(20 + n % 700)),
            )
            for n, collector in enumerate(collectors)
        ],
        batch_size=5000,
    )
