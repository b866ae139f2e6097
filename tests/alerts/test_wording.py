"""What is said about an alert, word for word, in both languages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from alerts import wording
from alerts.models import (
    CALENDAR_RULES,
    Alert,
    AlertStatus,
    Level,
    Occurrence,
    OccurrenceState,
    RuleCode,
)
from alerts.wording import Event
from enterprises.models import Enterprise
from tenancy.models import Role

START = datetime(2026, 11, 22, 18, 13, tzinfo=UTC)  # 02:13 on 23 November in Shanghai
R01 = {
    "production": {"id": 1, "name": "1号中频炉", "mean_kw": 812.0},
    "controls": [{"id": 2, "name": "布袋除尘风机", "state": "OFF", "mean_kw": 0.0}],
    "numbers": [
        {
            "key": "violation_minutes",
            "value": 47.0,
            "unit": "min",
            "threshold": 10.0,
            "threshold_key": "r01_minutes",
        }
    ],
    "unknown_minutes": 0.0,
}
R10 = {
    "collector": {"id": 3, "mn": "0123456789ABCDEF01234567"},
    "site": {"id": 4, "name": "主厂区"},
    "numbers": [{"key": "silent_minutes", "value": 107.0, "unit": "min", "threshold": 60.0}],
}
R12 = {
    "site": {"id": 4, "name": "主厂区"},
    "points": 10,
    "points_total": 12,
    "numbers": [{"key": "cut_minutes", "value": 47.0, "unit": "min", "threshold": 5.0}],
}


def make(rule=RuleCode.R01, evidence=R01, **changes):
    """Return an alert and its occurrence, going on for 47 minutes; nothing is stored."""
    length = changes.pop("length", timedelta(minutes=47))
    start = changes.pop("start", START)
    state = changes.pop("state", OccurrenceState.FIRING)
    alert = Alert(
        number="A20261123-0001",
        rule=rule,
        level=changes.pop("level", Level.RED),
        status=changes.pop("status", AlertStatus.OPEN),
        enterprise=Enterprise(name=changes.pop("enterprise", "襄汾县晋南铸造有限公司")),
    )
    occurrence = Occurrence(
        alert=alert,
        rule=rule,
        level=alert.level,
        state=state,
        started_at=start,
        ended_at=start + length,
        detected_at=changes.pop("detected_at", start + length),
        evidence={**evidence, **changes},
    )
    return alert, occurrence


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (
            make(status=AlertStatus.CONFIRMED),
            "02:13 起 1号中频炉运行 47 分钟，对应的布袋除尘风机未运行。",
        ),
        (make(), "02:13 起 1号中频炉运行 47 分钟，对应的布袋除尘风机疑似未运行。"),
        (
            make(state=OccurrenceState.ENDED),
            "02:13 至 03:00 1号中频炉运行 47 分钟，对应的布袋除尘风机疑似未运行，现已结束。",
        ),
        (
            make(state=OccurrenceState.WITHDRAWN),
            "已撤回：后到的数据不支持 02:13 至 03:00 1号中频炉运行而布袋除尘风机未运行的判断。",
        ),
        (
            make(status=AlertStatus.DISMISSED, state=OccurrenceState.ENDED),
            "经核查已排除：02:13 至 03:00 1号中频炉运行 47 分钟，"
            "对应的布袋除尘风机疑似未运行，现已结束。",
        ),
        (
            make(controls=[{"name": "布袋除尘风机", "state": "STANDBY"}]),
            "02:13 起 1号中频炉运行 47 分钟，对应的布袋除尘风机疑似仅空转。",
        ),
        (
            make(
                controls=[
                    {"name": "一号泵", "state": "ON"},
                    {"name": "二号泵", "state": "OFF"},
                    {"name": "三号泵", "state": "OFF"},
                ]
            ),
            "02:13 起 1号中频炉运行 47 分钟，对应的二号泵、三号泵疑似未运行。",
        ),
        (
            make(controls=[{"name": f"{n}号风机", "state": "OFF"} for n in range(1, 6)]),
            "02:13 起 1号中频炉运行 47 分钟，"
            "对应的1号风机、2号风机、3号风机及另外 2 台疑似未运行。",
        ),
        (
            make(start=START - timedelta(hours=3), length=timedelta(hours=4)),
            "2026年11月22日 23:13 起 1号中频炉运行 47 分钟，对应的布袋除尘风机疑似未运行。",
        ),
        (
            make(RuleCode.R10, R10, length=timedelta(minutes=107)),
            "02:13 起 主厂区数采仪（尾号 234567）已 1小时47分没有上传数据，疑似离线。",
        ),
        (
            make(RuleCode.R10, R10, state=OccurrenceState.ENDED),
            "02:13 至 03:00 主厂区数采仪（尾号 234567）1小时47分没有上传数据，现已恢复。",
        ),
        (
            make(RuleCode.R10, R10, state=OccurrenceState.WITHDRAWN),
            "已撤回：后到的数据不支持主厂区数采仪（尾号 234567）02:13 至 03:00 离线的判断。",
        ),
        (
            make(RuleCode.R12, R12),
            "02:13 起 主厂区 12 个监测点中有 10 个失压，疑似停电，已持续 47 分钟。",
        ),
        (
            make(RuleCode.R12, R12, state=OccurrenceState.ENDED),
            "02:13 至 03:00 主厂区 12 个监测点中有 10 个失压 47 分钟，疑似停电，现已来电。",
        ),
        (
            make(RuleCode.R12, R12, state=OccurrenceState.WITHDRAWN),
            "已撤回：后到的数据不支持主厂区 02:13 至 03:00 停电的判断。",
        ),
    ],
)
def test_the_sentence_is_what_a_person_would_say(chinese, built, said):
    assert wording.get_sentence(*built) == said


def test_the_sentence_in_english():
    with translation.override("en"):
        assert wording.get_sentence(*make()) == (
            "Since 02:13 1号中频炉 has run for 47 minutes while its 布袋除尘风机 seems not to run."
        )
        assert wording.get_sentence(*make(state=OccurrenceState.ENDED)) == (
            "From 02:13 to 03:00 1号中频炉 ran for 47 minutes"
            " while its 布袋除尘风机 seems not to have run; this has ended."
        )


@pytest.mark.parametrize("rule", RuleCode)
@pytest.mark.parametrize("state", [OccurrenceState.FIRING, OccurrenceState.ENDED])
def test_what_nobody_reviewed_is_called_suspected_and_never_a_violation(chinese, rule, state):
    evidence = {RuleCode.R01: R01, RuleCode.R10: R10, RuleCode.R12: R12}.get(rule, {})
    alert, occurrence = make(rule, evidence, state=state)
    said = [
        wording.get_headline(alert),
        wording.get_sms(alert, occurrence, Event.OPENED, level=Level.RED),
        wording.get_advice(alert),
        wording.get_sentence(alert, occurrence),
    ]
    assert "疑似" in said[0]
    assert "疑似" in said[1]
    assert not [text for text in said if "违法" in text or "违规" in text]
    if state == OccurrenceState.FIRING and rule not in CALENDAR_RULES:  # dates are no suspicion
        assert "疑似" in said[3]


@pytest.mark.parametrize(
    ("status", "headline"),
    [
        (AlertStatus.OPEN, "疑似治污设施未运行"),
        (AlertStatus.VERIFYING, "疑似治污设施未运行"),
        (AlertStatus.CONFIRMED, "已确认：治污设施未运行"),
        (AlertStatus.DISMISSED, "已排除：治污设施未运行"),
        (AlertStatus.EXPLAINED_OK, "说明已采纳：治污设施未运行"),
        (AlertStatus.WITHDRAWN, "已撤回：治污设施未运行"),
        (AlertStatus.CLOSED, "已销号：治污设施未运行"),
    ],
)
def test_the_headline_says_what_is_known(chinese, status, headline):
    assert wording.get_headline(make(status=status)[0]) == headline


def test_every_status_rule_and_role_has_advice(chinese):
    for status in AlertStatus:
        for rule in RuleCode:
            for level in Level:
                for role in ("", *Role):
                    alert, _occurrence = make(rule, status=status, level=level)
                    assert wording.get_advice(alert, audience=role).endswith("。")


def test_the_enterprise_is_advised_otherwise_than_the_officer(chinese):
    alert, _occurrence = make()
    assert wording.get_advice(alert) == "请在 15 分钟内接办，4 小时内现场核查。"
    assert "60 分钟内说明" in wording.get_advice(alert, audience=Role.ENTERPRISE_OFFICER)


# --- SMS ---


def test_the_sms_holds_enterprise_facility_time_and_link_only(chinese, settings):
    settings.BASE_URL = "https://yd.linfen.example"
    assert wording.get_sms(*make(), Event.OPENED, level=Level.RED) == (
        "一级疑似报警：襄汾县晋南铸造…，1号中频炉，02:13。https://yd.linfen.example/a/A20261123-0001"
    )


def test_the_sms_gives_the_day_where_it_was_found_on_another(chinese):
    late = make(detected_at=START + timedelta(hours=30))
    assert "，11-23 02:13。" in wording.get_sms(*late, Event.OPENED, level=Level.RED)


@pytest.mark.parametrize("event", Event)
def test_a_chinese_sms_fits_one_where_the_link_leaves_room(chinese, settings, event):
    settings.BASE_URL = "https://yd.lf.example"
    built = make(
        enterprise="襄汾县新城镇晋南精密铸造机械制造股份有限公司",
        production={"name": "第二铸造车间五吨中频感应电炉"},
    )
    text = wording.get_sms(*built, event, level=Level.RED)
    assert len(text) <= wording.SMS_CHARACTERS
    assert text.endswith("/a/A20261123-0001")
    assert "，02:13。" in text


def test_names_are_never_shortened_out_of_recognition(chinese, settings):
    settings.BASE_URL = "https://power-supervision.environment.linfen.shanxi.example"
    text = wording.get_sms(*make(enterprise="名" * 40), Event.OPENED, level=Level.RED)
    assert "名" * 7 + "…" in text
    assert "1号中频炉" in text


HOSTILE = '坏\r\nBcc: x@y.example\u202e\x00<script>alert(1)</script>{{ x }}%(y)s"公司'


def test_a_hostile_name_stays_one_harmless_line(chinese):
    built = make(enterprise=HOSTILE, production={"name": HOSTILE}, controls=[{"name": HOSTILE}])
    for text in (
        wording.get_sms(*built, Event.OPENED, level=Level.RED),
        wording.get_sentence(*built),
    ):
        assert "\n" not in text
        assert "\r" not in text
        assert "\u202e" not in text
        assert "\x00" not in text
        assert "坏 Bcc:" in text


def test_the_html_of_an_email_escapes_and_its_text_does_not():
    context = {"sentence": HOSTILE, "enterprise": HOSTILE, "link": "https://x.example/a/1"}
    html = render_to_string("messages/alert.html", context)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<script>" in render_to_string("messages/alert.text.txt", context)


# --- numbers ---


def test_the_numbers_stand_beside_their_thresholds(chinese):
    rows = [tuple(row) for row in wording.describe_numbers(make()[1].evidence)]
    assert rows == [
        ("生产设施运行而治污设施未运行的时长", "47分钟", "10分钟", "持续到这个时长即报警"),
        ("1号中频炉", "812.0 kW", "", "生产设施，期间平均功率"),
        ("布袋除尘风机", "0.0 kW", "", "治污设施，期间平均功率"),
        ("缺数时长", "0秒", "", "缺数时段既不算运行，也不算停运"),
    ]


def test_a_threshold_says_since_when_it_holds(chinese):
    number = {
        "key": "on_from_kw",
        "value": 400.0,
        "unit": "kW",
        "threshold": 400.0,
        "valid_from": "2026-01-01T00:00:00+00:00",
    }
    assert [tuple(row) for row in wording.describe_numbers({"numbers": [number]})] == [
        ("生产设施判为运行的功率", "400.0 kW", "", "该设施的启停阈值；自2026年1月1日起执行")
    ]


def test_what_is_not_known_yields_no_row():
    assert wording.describe_numbers({}) == []
    assert wording.describe_numbers({"controls": [{"name": "x"}]}) == []


def test_a_figure_nobody_named_is_shown_as_it_is():
    [row] = wording.describe_numbers({"numbers": [{"key": "new_figure", "value": 3.5}]})
    assert tuple(row) == ("new figure", "3.5", "", "")
