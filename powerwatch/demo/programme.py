"""How the demo city came to be installed: two notices, three operator companies, every step.

The founding notice is Linfen's of 2020-01-07, by which some 300 enterprises had installed in April
2020 (domain reference, opening and 16); the other is this year's, with enterprises at every step,
some overdue. Names of companies are fictional. The past is written as rows, because the operations
know only the present; every row follows the table of ``enterprises.programme`` (tested).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from common.localtime import day_start, local_date
from enterprises.models import (
    Enterprise,
    Installation,
    InstallationBatch,
    InstallationLog,
    Site,
    SurveySheet,
)
from enterprises.models import InstallationStatus as Status
from enterprises.programme import OPEN_STATUSES, Event, Note, due_change
from enterprises.surveys import SurveyRow
from meters.simulator.noise import seed_of
from powerwatch.demo.city import EnterpriseSpec
from powerwatch.demo.devices import usual_primary
from tenancy.linfen import CITY, PROVINCE, SECOND_CITY
from tenancy.models import Division, OperatorCompany, SiteAssignment, User

#: The account "operator" works for the first.
COMPANIES = (
    ("汾水计电运维有限公司(示例)", CITY),
    ("尧都测控技术服务有限公司(示例)", CITY),
    ("晋南物联运维有限公司(示例)", PROVINCE),
)
FOUNDING_ON, FOUNDING_DUE = date(2020, 1, 7), date(2020, 3, 31)
#: The bureau's first notice; who installed before the second had it by this one.
FIRST_NOTICE_ON, LAST_FOUNDING_ON = date(2019, 5, 20), date(2020, 4, 10)
DAY = timedelta(days=1)
WAY = (Event.REQUIRE, Event.SURVEY, Event.BEGIN, Event.CONNECT, Event.ACCEPT)
STATUSES = (
    Status.NOT_REQUIRED,
    Status.REQUIRED,
    Status.SURVEYED,
    Status.INSTALLING,
    Status.CONNECTED,
    Status.ACCEPTED,
)


def make_companies(divisions: Mapping[str, Division]) -> list[OperatorCompany]:
    """Write the operator companies; their numbers reach nobody."""
    return OperatorCompany.objects.bulk_create(
        OperatorCompany(name=name, phone=f"0357-000000{number}", division=divisions[code])
        for number, (name, code) in enumerate(COMPANIES, 1)
    )


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts in the story, by what they do."""

    air_office: User
    branches: Mapping[str, User]  # by county code
    engineer: User
    companies: Sequence[OperatorCompany]
    second_city: User


def write_programme(
    specs: Sequence[EnterpriseSpec],
    enterprises: Mapping[str, Enterprise],
    divisions: Mapping[str, Division],
    cast: Cast,
    *,
    now: datetime,
) -> None:
    """Write batches, each enterprise's part, log and survey, and the companies' sites."""
    today = local_date(now)
    founding, recent, second = InstallationBatch.objects.bulk_create(
        [
            InstallationBatch(
                division=divisions[CITY],
                name="2020年1月7日未安装停产治理通知",
                document_number="临气防办〔2020〕示例1号",
                issued_on=FOUNDING_ON,
                due_on=FOUNDING_DUE,
                note="未安装用电监控系统的涉气企业立即实施停产治理;安装完成并经县(市、区)大气办"
                "同意前不得恢复生产。",
                created_by=cast.air_office,
            ),
            InstallationBatch(
                division=divisions[CITY],
                name=f"{today.year}年新改扩建企业补装通知",
                document_number=f"临气防办〔{today.year}〕示例18号",
                issued_on=today - 110 * DAY,
                due_on=today - 24 * DAY,
                note="新建、改建、扩建涉气企业补装用电监控,先勘察后安装,验收合格方可计入。",
                created_by=cast.air_office,
            ),
            InstallationBatch(
                division=divisions[SECOND_CITY],
                name=f"{today.year}年用电监控建设通知",
                document_number=f"运环发〔{today.year}〕示例6号",
                issued_on=today - 90 * DAY,
                due_on=today + 30 * DAY,
                created_by=cast.second_city,
            ),
        ]
    )
    parts: list[Installation] = []
    log: list[InstallationLog] = []
    surveys: list[SurveySheet] = []
    for number, spec in enumerate(specs):
        if spec.code.startswith("YC"):
            batch = second
        else:
            batch = recent if _is_recent(number, spec) else founding
        story = _Story(spec, enterprises[spec.code], batch, cast, number, now)
        parts.append(story.part())
        log += story.log()
        surveys += story.surveys()
    Installation.objects.bulk_create(parts)
    # In the order in which it happened, so that the keys tell it too.
    InstallationLog.objects.bulk_create(sorted(log, key=lambda row: row.at))
    SurveySheet.objects.bulk_create(surveys)
    companies = {part.enterprise_id: part.company for part in parts if part.company}
    SiteAssignment.objects.bulk_create(
        SiteAssignment(
            company=companies[site.enterprise_id],
            site=site,
            starts_at=day_start(FIRST_NOTICE_ON),
        )
        for site in Site.objects.filter(enterprise__in=companies).order_by("pk")
    )


def _is_recent(number: int, spec: EnterpriseSpec) -> bool:
    """Tell whether this year's notice names it: all that are on the way, and some accepted."""
    on_the_way = spec.status in OPEN_STATUSES
    return on_the_way or (spec.status == Status.ACCEPTED and number % 13 == 5)


class _Story:
    """One enterprise's way, drawn once for each code."""

    def __init__(
        self,
        spec: EnterpriseSpec,
        enterprise: Enterprise,
        batch: InstallationBatch,
        cast: Cast,
        number: int,
        now: datetime,
    ) -> None:
        self._spec, self._enterprise, self._batch = spec, enterprise, batch
        self._cast, self._number, self._now = cast, number, now
        self._rng = Random(seed_of("programme", spec.code))
        self._days = self._draw_days()
        self._extension = self._draw_extension()

    @property
    def _company(self) -> OperatorCompany | None:
        if self._spec.status in (Status.REQUIRED, Status.EXEMPT) and self._number % 2:
            return None  # nobody was asked yet
        companies = self._cast.companies
        if self._spec.code.startswith("YC"):
            return companies[-1]
        return companies[self._number % len(companies)]

    def _draw_days(self) -> list[datetime]:
        """Return when each step of the way was made, as far as the status says."""
        steps = STATUSES.index(self._spec.status) if self._spec.status in STATUSES else 1
        begin, end = self._span()
        cuts = sorted(self._rng.uniform(0.05, 0.95) for _step in range(steps - 1))
        span = end - begin
        days = [begin, *(begin + span * cut for cut in cuts)]
        if self._moved_lately and steps > 1:
            days[-1] = end
        return [_in_office_hours(day) for day in days]

    def _span(self) -> tuple[datetime, datetime]:
        """Return between which instants the way was gone."""
        morning = timedelta(hours=9, minutes=self._rng.randrange(0, 400))
        if self._batch.issued_on == FOUNDING_ON:
            # Half of them had installed by the first notice before the second came.
            early = self._rng.random() < 0.5
            first = FIRST_NOTICE_ON if early else FOUNDING_ON
            return day_start(first) + morning, day_start(LAST_FOUNDING_ON) + morning
        begin = day_start(self._batch.issued_on) + morning
        # Some made their latest step within the last days.
        end = self._now - timedelta(days=self._rng.uniform(0.5, 5) if self._moved_lately else 30)
        return begin, end

    @property
    def _moved_lately(self) -> bool:
        return self._batch.issued_on != FOUNDING_ON and self._number % 3 == 0

    def _draw_extension(self) -> date | None:
        """Return the day to which most open ones of this year's notice were put off."""
        if self._spec.status not in OPEN_STATUSES or self._spec.code.startswith("YC"):
            return None
        today = local_date(self._now)
        draw = self._rng.random()
        if draw < 0.08:
            return None  # overdue since the notice's own day
        return today - 2 * DAY if draw < 0.3 else today + 20 * DAY

    def part(self) -> Installation:
        is_accepted = self._spec.status == Status.ACCEPTED
        return Installation(
            enterprise=self._enterprise,
            batch=self._batch,
            due_on=self._extension or self._batch.due_on,
            extension_reason=EXTENSION_REASON if self._extension else "",
            company=self._company,
            points_required=len(self._spec.facilities) if self._is_surveyed else 0,
            accepted_at=self._days[-1] if is_accepted else None,
        )

    @property
    def _is_surveyed(self) -> bool:
        return len(self._days) > 1

    def log(self) -> Iterator[InstallationLog]:
        batch = self._batch
        for event, at, before, after in zip(WAY, self._days, STATUSES, STATUSES[1:], strict=False):
            actor, body = self._who(event)
            is_first = event is Event.REQUIRE
            cited = f"{batch.name} {batch.document_number}".strip()
            if is_first and at < day_start(batch.issued_on):
                cited = "关于开展企业污染防治设施用电监控系统建设的通知"
            yield self._row(event, at, before, after, actor, body, cited if is_first else "")
        if self._company:
            actor, body = self._who(Event.REQUIRE)
            at, status = self._days[0] + timedelta(hours=2), Status.REQUIRED
            name = self._company.name
            yield self._row(Note.ASSIGN, at, status, status, actor, body, name)
        if self._spec.status == Status.EXEMPT:
            at = self._days[0] + 20 * DAY
            actor, body = self._who(Event.REQUIRE)
            yield self._row(
                Event.EXEMPT, at, Status.REQUIRED, Status.EXEMPT, actor, body, EXEMPT_REASON
            )
        if self._extension:
            actor, body = self._who(Event.REQUIRE)
            status = self._spec.status
            at = self._now - 30 * DAY
            reached = [s for s, day in zip(STATUSES[1:], self._days, strict=False) if day <= at]
            status = reached[-1] if reached else status
            reason = due_change(batch.due_on, self._extension, EXTENSION_REASON)
            yield self._row(Note.DUE, at, status, status, actor, body, reason)

    def _who(self, event: Event) -> tuple[User, str]:
        cast, county = self._cast, self._spec.county
        if event in (Event.BEGIN, Event.CONNECT) and self._company:
            return cast.engineer, self._company.name
        if event is Event.REQUIRE:
            if self._spec.code.startswith("YC"):
                return cast.second_city, "运城市生态环境局"
            return cast.air_office, "临汾市大气办"
        return cast.branches[county], f"{self._enterprise.county.name}分局"

    def _row(
        self,
        event: Event | Note,
        at: datetime,
        before: Status,
        after: Status,
        actor: User,
        body: str,
        reason: str,
    ) -> InstallationLog:
        return InstallationLog(
            enterprise=self._enterprise,
            from_status=before,
            to_status=after,
            event=event,
            at=at.astimezone(UTC),
            actor=actor,
            body=body,
            reason=reason,
        )

    def surveys(self) -> Iterator[SurveySheet]:
        if not self._is_surveyed:
            return
        actor, _body = self._who(Event.SURVEY)
        yield SurveySheet(
            enterprise=self._enterprise,
            surveyed_on=local_date(self._days[1]),
            company=self._company,
            rows=[asdict(row) for row in self._survey_rows()],
            finding="现场设施与登记一致,配电柜具备安装条件。",
            recorded_by=actor,
            recorded_at=self._days[1],
        )

    def _survey_rows(self) -> Iterator[SurveyRow]:
        for number, facility in enumerate(self._spec.facilities, 1):
            primary = usual_primary(facility.rated_kw, facility.phase_v)
            yield SurveyRow(
                name=facility.name,
                kind=facility.kind,
                rated_kw=facility.rated_kw,
                ct=f"{primary}/5",
                place=f"{facility.line or '总配电室'} {number}号柜",
            )


def _in_office_hours(at: datetime) -> datetime:
    """Return the same minute between nine and five of that local day, or of the day before."""
    begin = day_start(local_date(at)) + timedelta(hours=9)
    moved = begin + timedelta(hours=at.hour % 8, minutes=at.minute)
    return moved if moved <= at else moved - DAY


EXTENSION_REASON = "设备到货延期,企业已书面申请"
EXEMPT_REASON = "无涉气工序,仅办公和仓储用电,经现场核实"
