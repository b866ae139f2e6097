"""The catalogue: extracted, merged, checked and compiled without the gettext programs."""

import gettext
from pathlib import Path

import polib
import pytest
from django.core.management import CommandError, call_command

from common import catalogue
from common.catalogue import MessageId

MODULE = """
from django.utils.translation import gettext as _, gettext_lazy, ngettext, pgettext

plain = _("Hello %(name)s")
joined = gettext_lazy("one " "sentence")
counted = ngettext("%(count)d point", "%(count)d points", 3)
apart = pgettext("month", "May")
not_ours = print("Nobody translates this")
"""
TEMPLATE = """{% load i18n %}
<ul>
    <li title="{% translate 'Title' %}">
        {% blocktranslate with n=name %}Dear {{ n }},
  it is "late"{% endblocktranslate %}
  {% if x %}
{% blocktranslate count n=k %}{{ n }} alert{% plural %}{{ n }} alerts{% endblocktranslate %}
   {% endif %}
   it's <b>unmarked</b> ( { [ text # with " odd characters
</li>
{# Translators: the verb #}
{% translate "Open" context "verb" %}
</ul>
"""
TRANSLATIONS = {
    "Hello %(name)s": "你好，%(name)s",
    "one sentence": "一句话",
    "Title": "标题",
    'Dear %(n)s,\n  it is "late"': "尊敬的 %(n)s：\n  已经“晚”了",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a module, a template, something to skip and one part of a catalogue."""
    for name, text in {
        "app/views.py": MODULE,
        "app/migrations/0001.py": 'from x import gettext as _\n_("in a migration")\n',
        "tests/test_x.py": '_("in a test")\n',
        "templates/page.html": TEMPLATE,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    part = polib.POFile(wrapwidth=0)
    part.metadata = dict(catalogue.HEADER)
    for source, said in TRANSLATIONS.items():
        part.append(polib.POEntry(msgid=source, msgstr=said))
    for source, plural, said in [
        ("%(count)d point", "%(count)d points", "%(count)d 个点位"),
        ("%(n)s alert", "%(n)s alerts", "%(n)s 条报警"),
    ]:
        part.append(polib.POEntry(msgid=source, msgid_plural=plural, msgstr_plural={0: said}))
    part.append(polib.POEntry(msgid="May", msgctxt="month", msgstr="五月"))
    part.append(polib.POEntry(msgid="Open", msgctxt="verb", msgstr="打开"))
    (tmp_path / "locale" / "parts").mkdir(parents=True)
    part.save(str(tmp_path / "locale" / "parts" / "app.po"))
    return tmp_path


def edit(project: Path, msgid: str, **changes: object) -> None:
    po = polib.pofile(str(catalogue.get_po_path(project)), wrapwidth=0)
    entry = next(entry for entry in po if entry.msgid == msgid)
    for name, value in changes.items():
        setattr(entry, name, value)
    po.save(newline="\n")


def problems(project: Path) -> list[tuple[str, str]]:
    return [(problem.kind, problem.message.text) for problem in catalogue.check(project)]


def test_it_finds_what_people_read_and_nothing_else(project):
    assert set(catalogue.extract_project(project)) == {
        *map(MessageId, TRANSLATIONS),
        MessageId("%(count)d point"),
        MessageId("%(n)s alert"),
        MessageId("May", "month"),
        MessageId("Open", "verb"),
    }


def test_a_broken_template_is_named(project):
    (project / "templates" / "page.html").write_text(
        "{% load i18n %}{% blocktranslate %}a{% if x %}b{% endblocktranslate %}"
    )
    with pytest.raises(ValueError, match=r"templates/page\.html"):
        catalogue.extract_project(project)


def test_everything_is_untranslated_before_there_is_a_catalogue(project):
    assert {kind for kind, _text in problems(project)} == {"untranslated"}
    assert len(problems(project)) == 8


def test_update_merges_the_parts_and_then_nothing_is_wrong(project):
    assert catalogue.update(project) == []
    assert problems(project) == []


def test_update_twice_writes_the_same_bytes(project):
    catalogue.update(project)
    first = catalogue.get_po_path(project).read_bytes()
    catalogue.update(project)
    assert catalogue.get_po_path(project).read_bytes() == first


def test_what_stands_wins_over_a_part_and_the_difference_is_told(project):
    catalogue.update(project)
    edit(project, "Title", msgstr="题目")
    [remark] = catalogue.update(project)
    assert "'Title' stays '题目', not '标题'" in remark
    assert problems(project) == []


def test_the_compiled_catalogue_speaks_chinese(project):
    catalogue.update(project)
    with catalogue.compile_catalogue(project).open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    assert compiled.gettext("Title") == "标题"
    assert compiled.pgettext("month", "May") == "五月"
    assert compiled.ngettext("%(count)d point", "%(count)d points", 7) == "%(count)d 个点位"


def test_there_is_nothing_to_compile_before_there_is_a_catalogue(project):
    with pytest.raises(FileNotFoundError, match="--update"):
        catalogue.compile_catalogue(project)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"msgstr": ""}, "untranslated"),
        ({"msgstr": "  "}, "untranslated"),
        ({"flags": ["fuzzy"]}, "fuzzy"),
        ({"obsolete": True}, "untranslated"),
        ({"msgstr": "你好"}, "placeholders"),
        ({"msgstr": "你好，%(nmae)s"}, "placeholders"),
        ({"msgstr": "你好，%(name)d"}, "placeholders"),
        ({"msgstr": "你好，{name} %(name)s"}, "placeholders"),
    ],
)
def test_check_names_what_is_wrong_with_a_message(project, changes, kind):
    catalogue.update(project)
    edit(project, "Hello %(name)s", **changes)
    assert problems(project) == [(kind, "Hello %(name)s")]


def test_the_one_chinese_form_needs_what_the_plural_needs(project):
    catalogue.update(project)
    edit(project, "%(count)d point", msgstr_plural={0: "若干点位"})
    assert problems(project) == [("placeholders", "%(count)d point")]


def test_a_translation_whose_source_is_gone_is_obsolete_until_it_is_dropped(project):
    catalogue.update(project)
    (project / "app" / "views.py").write_text("")
    gone = {"Hello %(name)s", "one sentence", "%(count)d point", "May"}
    assert set(problems(project)) == {("obsolete", text) for text in gone}
    catalogue.update(project)
    assert set(problems(project)) == {("obsolete", text) for text in gone}
    catalogue.update(project, drop_obsolete=True)
    assert problems(project) == []


def test_the_command_fails_and_lists_each_problem(project, settings, capsys):
    settings.BASE_DIR = project
    call_command("translations", "--update")
    call_command("translations", "--check")
    call_command("translations", "--compile")
    assert catalogue.get_po_path(project).with_suffix(".mo").exists()
    edit(project, "Title", msgstr="")
    with pytest.raises(CommandError, match="1 problems"):
        call_command("translations", "--check")
    assert "untranslated: 'Title' in templates/page.html" in capsys.readouterr().err
