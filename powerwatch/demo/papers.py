"""What lies in the demo city's files: acceptance sheets, work orders, photos, records to come.

Written after the programme. Acceptance sheets are what the machine's checks say of plausible
figures; work orders go through their operations, dated back; pictures are drawn and say that they
are placeholders.
"""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw, ImageFont

from common.localtime import day_start, local_date
from enterprises.attachments import store_attachment
from enterprises.models import (
    AcceptanceSheet,
    Enterprise,
    InstallationLog,
    InstallationStatus,
    LineGrade,
    Pairing,
    ProductionLine,
    Site,
    SurveySheet,
)
from enterprises.programme import Event as Step
from meters.acceptance.checks import (
    USUAL_SHARE,
    CollectorFacts,
    FacilityFacts,
    Figures,
    Material,
    MeterFacts,
    PointFacts,
    run,
)
from meters.limits import Limits
from meters.models import Meter, MeteringLimit, MonitoringPoint, WorkOrder, WorkOrderKind
from meters.operations import replace_meter
from meters.work_orders import Event, move_work_order, open_work_order
from powerwatch.demo.city import EnterpriseSpec
from tenancy.linfen import PROVINCE
from tenancy.models import Division, User

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: The demo holds a night, not three days: its bureau asks for so many hours before acceptance.
DEMO_LIMITS = {"valid_hours": 8.0, "valid_least_hours": 4.0}
_DAYS_JUDGED = 3
_MINUTES = _DAYS_JUDGED * 24 * 60


def write_papers(
    specs: Sequence[EnterpriseSpec],
    enterprises: Mapping[str, Enterprise],
    divisions: Mapping[str, Division],
    users: Mapping[str, User],
    branches: Mapping[str, User],
    *,
    since: datetime,
    now: datetime,
) -> None:
    """Write the sheets, orders, pictures and planned records. branches: by county code."""
    MeteringLimit.objects.bulk_create(
        MeteringLimit(
            key=key,
            value=value,
            division=divisions[code],
            valid_from=since,
            note="演示城市只有一夜数据(示例)",
        )
        for code in (PROVINCE,)
        for key, value in DEMO_LIMITS.items()
    )
    accepted = [enterprises[s.code].pk for s in specs if s.status == InstallationStatus.ACCEPTED]
    AcceptanceSheet.objects.bulk_create(_sheets(accepted, now))
    _leave_a_pairing_open(specs, enterprises)
    _plan_ahead(specs, enterprises, users["city"], now)
    _write_work_orders(users, branches, now)
    _write_pictures(specs, enterprises, users, branches, now)


# --- acceptance


def _sheets(accepted: Sequence[int], now: datetime) -> Iterator[AcceptanceSheet]:
    """Yield a signed sheet of each accepted enterprise, as its log says when and by whom."""
    limits = Limits()
    points: dict[int, list[Meter]] = defaultdict(list)
    for meter in (
        Meter.objects.filter(point__collector__enterprise__in=accepted)
        .select_related("point__facility", "point__collector")
        .order_by("point__facility__position", "pk")
    ):
        points[meter.point.collector.enterprise_id].append(meter)
    steps = InstallationLog.objects.filter(event=Step.ACCEPT, enterprise__in=accepted)
    for step in steps.select_related("actor"):
        if step.actor is None:
            continue
        checks = run(_material(points[step.enterprise_id], step.at), limits)
        yield AcceptanceSheet(
            enterprise_id=step.enterprise_id,
            checks=[check.as_json() for check in checks],
            is_passed=True,
            signed_by=step.actor,
            signed_name=step.actor.full_name,
            body=step.body,
            signed_at=step.at,
            remark="现场核对铭牌、互感器变比和封签,与档案一致。",
        )


def _material(meters: Sequence[Meter], at: datetime) -> Material:
    facilities = [meter.point.facility for meter in meters]
    subs_kw = sum(f.rated_kw * USUAL_SHARE for f in facilities if f.kind != "MAIN")
    points = []
    for meter in meters:
        point, facility = meter.point, meter.point.facility
        # Some loss between the main meter and the others; a little more or less for each.
        wobble = (meter.pk * 37 % 11 - 5) / 100
        kw = subs_kw * 1.04 if facility.kind == "MAIN" else facility.rated_kw * USUAL_SHARE
        kw *= 1 if facility.kind == "MAIN" else 1 + wobble
        points.append(
            PointFacts(
                id=point.pk,
                name=facility.name,
                circuit=point.circuit,
                mn=point.collector.mn,
                site_id=facility.site_id,
                kind=facility.kind,
                rated_kw=facility.rated_kw,
                duty_group=facility.duty_group,
                latest_at=at - timedelta(minutes=1),
                meter=MeterFacts(
                    serial=meter.serial,
                    accuracy_class=meter.accuracy_class,
                    ct_ratio=meter.ct_ratio,
                    certificate_number=meter.certificate_number,
                    certificate_expires_on=local_date(at) + 2000 * DAY,
                    seal_numbers=meter.seal_numbers,
                ),
                figures=Figures(
                    valid_s=(0.995 + wobble / 20) * _MINUTES * 60,
                    reading_count=_MINUTES,
                    skew_s=2.0 + abs(wobble) * 10,
                    mean_kw=round(kw, 1),
                    max_kw=round(kw * 1.2, 1),
                    running_kw=round(kw, 1),
                    running_count=_MINUTES // 2,
                    formula_ratio=1 + wobble / 5,
                    phases_count=_MINUTES // 2,
                ),
            )
        )
    return Material(
        points=points,
        facilities=[
            FacilityFacts(f.pk, f.name, f.kind, True, True, f.kind == "MAIN", f.kind == "MAIN")
            for f in facilities
        ],
        collectors=[CollectorFacts(meters[0].point.collector.mn, "", True)] if meters else [],
        points_required=len(points),
        as_of=at,
        today=local_date(at),
    )


def _leave_a_pairing_open(
    specs: Sequence[EnterpriseSpec], enterprises: Mapping[str, Enterprise]
) -> None:
    """Take the approval off a pairing of some connected enterprises: that fails their checks."""
    connected = [s for s in specs if s.status == InstallationStatus.CONNECTED and s.pairings]
    for spec in connected[1::3]:
        pairing = (
            Pairing.objects.filter(site__enterprise=enterprises[spec.code]).order_by("pk").first()
        )
        if pairing is not None:
            pairing.approved_by, pairing.approved_at = None, None
            pairing.save(update_fields=["approved_by", "approved_at"])


# --- what is to come


def _plan_ahead(
    specs: Sequence[EnterpriseSpec],
    enterprises: Mapping[str, Enterprise],
    actor: User,
    now: datetime,
) -> None:
    """Give the first enterprise of each city a meter to be exchanged and a grade to come."""
    for code in ("LF-0001", "YC-0001"):
        if code not in enterprises or not any(s.code == code and s.has_devices for s in specs):
            continue
        point = (
            MonitoringPoint.objects.filter(collector__enterprise=enterprises[code])
            .order_by("pk")
            .first()
        )
        if point is not None:
            meter = point.meters.get(valid_to__isnull=True)
            replace_meter(
                point,
                serial=f"{meter.serial}-2",
                valid_from=day_start(local_date(now) + 6 * DAY),
                reason="计划换表",
                model=meter.model,
                accuracy_class=meter.accuracy_class,
                ct_ratio=meter.ct_ratio,
                pt_ratio=meter.pt_ratio,
                ct_class=meter.ct_class,
                certificate_number=f"晋检字{now.year}第900001号(示例)",
                certified_on=local_date(now) - 10 * DAY,
                certificate_expires_on=local_date(now) + 2000 * DAY,
                seal_numbers="LF900001, LF900002",
                actor=actor,
                now=now,
            )
        line = ProductionLine.objects.filter(site__enterprise=enterprises[code]).first()
        if line is not None:
            LineGrade.objects.create(
                line=line,
                grade="B",
                valid_from=day_start(local_date(now) + 38 * DAY),
                basis="下一年度绩效分级结果(示例)",
                recorded_by=actor,
            )


# --- work orders

_FAULT, _CHANGE = WorkOrderKind.FAULT, WorkOrderKind.REPLACEMENT
_CHECKUP, _CERTIFY = WorkOrderKind.INSPECTION, WorkOrderKind.CALIBRATION
#: Kind, opened so many hours ago, what is to be done, the moves with hours after it and a note.
_ORDERS: tuple[tuple[str, float, str, tuple[tuple[Event, float, str], ...]], ...] = (
    (_FAULT, 5, "数采仪昨夜两次掉线，请检查天线和电源。", ()),
    (_FAULT, 60, "2号风机回路电流显示为零，现场风机在运行，请检查互感器接线。", ()),
    (_CHECKUP, 30, "季度巡检：核对铭牌、变比、封签并拍照。", ((Event.ACCEPT, 3, ""),)),
    (
        _FAULT,
        26,
        "总表读数间断，请检查通信线。",
        ((Event.ACCEPT, 2, ""), (Event.FINISH, 9, "RS-485 接线端子松动，已紧固，读数恢复。")),
    ),
    (
        _FAULT,
        80,
        "中频炉回路无数据。",
        (
            (Event.ACCEPT, 3, ""),
            (Event.FINISH, 20, "更换采集模块，数据恢复。"),
            (Event.CONFIRM, 28, "已核对曲线。"),
        ),
    ),
    (
        _CERTIFY,
        190,
        "电表检定证书即将到期，请送检并登记新证书。",
        (
            (Event.ACCEPT, 4, ""),
            (Event.FINISH, 120, "已完成检定，证书已登记。"),
            (Event.CONFIRM, 140, ""),
        ),
    ),
    (
        _FAULT,
        44,
        "封签破损，请查明原因并重新加封。",
        (
            (Event.ACCEPT, 1, ""),
            (Event.FINISH, 8, "已重新加封。"),
            (Event.RETURN, 20, "未见封签编号照片，请补拍。"),
        ),
    ),
    (_CHECKUP, 100, "巡检。", ((Event.CANCEL, 2, "与季度巡检重复。"),)),
)


def _write_work_orders(
    users: Mapping[str, User], branches: Mapping[str, User], now: datetime
) -> None:
    """Write an order in each state for the account's company, and two in the second city."""
    sites = Site.objects.filter(
        enterprise__collectors__isnull=False, assignments__company__isnull=False
    )
    sites = sites.select_related("enterprise__county").distinct().order_by("pk")
    company = users["operator"].grants.get().company_id
    own = list(sites.filter(assignments__company=company)[:24])
    others = list(sites.filter(enterprise__code__startswith="YC")[:2])
    engineer = users["operator"]
    chosen = (
        [own[number * len(own) // len(_ORDERS)] for number in range(len(_ORDERS))] if own else []
    )
    for (kind, ago, text, moves), site in zip(_ORDERS, chosen, strict=False):
        opener = branches[site.enterprise.county.code]
        _write_order(site, kind, text, now - ago * HOUR, opener, engineer, moves)
    for (kind, ago, text, moves), site in zip(_ORDERS[2:4], others, strict=False):
        _write_order(site, kind, text, now - ago * HOUR, users["yuncheng"], engineer, moves)


def _write_order(
    site: Site,
    kind: str,
    text: str,
    at: datetime,
    opener: User,
    engineer: User,
    moves: Sequence[tuple[Event, float, str]],
) -> None:
    point = None
    if kind == _CERTIFY:
        points = MonitoringPoint.objects.filter(collector__site=site)
        point = points.select_related("collector").order_by("-pk").first()
    collector = point.collector if point else site.collectors.first()
    body = f"{site.enterprise.county.name}分局"
    order = open_work_order(
        site,
        kind=kind,
        text=text,
        collector=collector,
        point=point,
        actor=opener,
        now=at,
        body=body,
    )
    for event, hours, note in moves:
        by_operator = event in (Event.ACCEPT, Event.FINISH)
        when = at + hours * HOUR
        move_work_order(
            order,
            event,
            actor=engineer if by_operator else opener,
            now=when,
            note=note,
            body=order.company.name if by_operator and order.company else body,
            meter=_certificate(order, when) if point and event is Event.FINISH else None,
        )


def _certificate(order: WorkOrder, at: datetime) -> dict[str, object]:
    meter = Meter.objects.get(point=order.point, valid_to__isnull=True)
    today = local_date(at)
    return {
        "serial": meter.serial,
        "certificate_number": f"晋检字{today.year}第800001号(示例)",
        "certified_on": today,
        "certificate_expires_on": today.replace(year=today.year + 6, day=min(today.day, 28)),
    }


# --- pictures

#: Title and the lines that stand on the placeholder.
_PICTURES = (
    ("数采仪铭牌(示例)", ("DEMO PLACEHOLDER", "DATA COLLECTOR", "HJ 212-2017", "SN SC000001")),
    ("电表封签(示例)", ("DEMO PLACEHOLDER", "SEAL LF000001", "SEAL LF000002")),
    ("检定证书首页(示例)", ("DEMO PLACEHOLDER", "VERIFICATION CERTIFICATE", "CLASS 0.5S")),
)


def _write_pictures(
    specs: Sequence[EnterpriseSpec],
    enterprises: Mapping[str, Enterprise],
    users: Mapping[str, User],
    branches: Mapping[str, User],
    now: datetime,
) -> None:
    """Put pictures to the first enterprise of each city, a survey and the orders that were done."""
    for code in ("LF-0001", "YC-0001"):
        if code not in enterprises:
            continue
        enterprise = enterprises[code]
        actor = branches[enterprise.county.code]
        for number, (title, lines) in enumerate(_PICTURES):
            _store(enterprise, title, lines, actor, now - (20 + number) * DAY)
        meter = Meter.objects.filter(point__collector__enterprise=enterprise).first()
        if meter is not None:
            lines = ("DEMO PLACEHOLDER", f"METER {meter.serial}", f"CT {meter.ct_ratio:g}")
            _store(enterprise, "电表铭牌(示例)", lines, actor, now - 19 * DAY, "meter", meter.pk)
        if sheet := SurveySheet.objects.filter(enterprise=enterprise).first():
            lines = ("DEMO PLACEHOLDER", "SWITCH CABINET 1")
            when = sheet.recorded_at + HOUR
            _store(enterprise, "配电柜(示例)", lines, actor, when, "survey", sheet.pk)
    for order in WorkOrder.objects.filter(status__in=("DONE", "CONFIRMED")).select_related("site"):
        lines = ("DEMO PLACEHOLDER", order.number, "AFTER REPAIR")
        done = order.log.filter(to_status="DONE").latest("at").at
        found = Enterprise.objects.get(pk=order.site.enterprise_id)
        actor, site = users["operator"], order.site
        _store(found, "处理后照片(示例)", lines, actor, done, "work_order", order.pk, site)


def _store(
    enterprise: Enterprise,
    title: str,
    lines: Sequence[str],
    actor: User,
    at: datetime,
    subject_type: str = "",
    subject_id: int | None = None,
    site: Site | None = None,
) -> None:
    store_attachment(
        SimpleUploadedFile("photo.jpg", draw(lines), "image/jpeg"),
        enterprise=enterprise,
        site=site,
        subject_type=subject_type,
        subject_id=subject_id,
        title=title,
        actor=actor,
        now=at,
    )


def draw(lines: Sequence[str]) -> bytes:
    """Return a JPEG of 640 x 480 pixels: a plate with these lines on it."""
    shade = hashlib.sha256("".join(lines).encode()).digest()[0] // 8
    image = Image.new("RGB", (640, 480), (96 + shade, 104 + shade, 112 + shade))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((60, 70, 580, 410), 18, (222, 226, 230), (70, 76, 84), 4)
    for x, y in ((84, 94), (556, 94), (84, 386), (556, 386)):
        pen.ellipse((x - 9, y - 9, x + 9, y + 9), (150, 156, 162), (70, 76, 84), 2)
    for number, line in enumerate(lines):
        font = ImageFont.load_default(30 if number else 22)
        pen.text((110, 120 + number * 62), line, (40, 46, 54), font)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()
