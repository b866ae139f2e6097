"""The Chinese catalogue without the gettext programs: extract, merge, check, compile.

Source strings are English and stand in ``.py`` files and templates. Django's ``templatize`` turns a
template into Python-like text, Babel's extractor reads both, polib reads and writes ``.po`` and
``.mo``. Work done side by side leaves its translations in ``locale/parts/*.po``; ``update`` merges
them. References name files without lines, so that an unrelated edit changes nothing in the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polib
from babel.messages.extract import extract
from django.utils.translation.template import templatize

LOCALE = "zh_Hans"
#: Folders that hold no words for the people who use PowerWatch.
SKIPPED = frozenset(
    {"tests", "bench", "tools", "docs", "locale", "static", "migrations", "node_modules"}
)
TEMPLATE_ENDINGS = frozenset({".html", ".txt", ".svg"})
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "say": None,  # gettext, where _ is the lazy one
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\([A-Za-z_]\w*\)[a-z]|(?<!%)%[sd]|\{[A-Za-z_]\w*\}")
HEADER = {
    "Project-Id-Version": "PowerWatch",
    "Language": LOCALE,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}


@dataclass(frozen=True, slots=True, order=True)
class MessageId:
    """A source string and the context that tells it from its homonyms (empty for none)."""

    text: str
    context: str = ""


@dataclass(slots=True)
class Source:
    """Where a source string stands, and its plural where it has one."""

    plural: str = ""
    files: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a message of the catalogue."""

    kind: str  # untranslated, fuzzy, obsolete, placeholders, plural
    message: MessageId
    detail: str = ""

    def __str__(self) -> str:
        where = f" [{self.message.context}]" if self.message.context else ""
        return f"{self.kind}: {self.message.text!r}{where} {self.detail}".rstrip()


Sources = dict[MessageId, Source]


def get_po_path(root: Path) -> Path:
    """Return where the project under ``root`` keeps its Chinese catalogue."""
    return root / "locale" / LOCALE / "LC_MESSAGES" / "django.po"


# --- extraction ---


def extract_project(root: Path) -> Sources:
    """Return every source string of the project under ``root``, by id.

    Raises ValueError naming the file for a template or module that cannot be read.
    """
    sources: Sources = {}
    for path in _find_files(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            try:
                text = _template_as_python(text, origin=name)
            except SyntaxError as error:
                raise ValueError(f"{name}: {error}") from error
        _collect(text, name, sources)
    return sources


def _find_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if any(part in SKIPPED or part.startswith(".") for part in parts):
            continue
        is_template = path.suffix in TEMPLATE_ENDINGS and "templates" in parts
        if path.is_file() and (path.suffix == ".py" or is_template):
            yield path


def _template_as_python(text: str, *, origin: str) -> str:
    """Return the template's strings as calls, each line without its indent.

    What is left of the template is blanked to X, whose indents Python would refuse.
    """
    return "\n".join(line.strip() for line in templatize(text, origin=origin).splitlines())


def _collect(text: str, name: str, sources: Sources) -> None:
    found = extract(
        "python",
        BytesIO(text.encode("utf-8")),
        keywords=KEYWORDS,
        comment_tags=("Translators",),
        options={"encoding": "utf-8"},
    )
    for _line, message, comments, context in found:
        singular, plural = (message, "") if isinstance(message, str) else (message[0], message[1])
        if not singular:
            continue
        source = sources.setdefault(MessageId(singular, context or ""), Source())
        source.plural = source.plural or plural or ""
        source.files.add(name)
        source.comments += [line for line in comments if line not in source.comments]


# --- the three things that are done with a catalogue ---


def update(root: Path, *, drop_obsolete: bool = False) -> list[str]:
    """Write the catalogue anew from the sources and return what a person should look at.

    Existing translations stay; what they lack is taken from ``locale/parts/*.po``. Where a part
    says something else than what stands, what stands wins and the difference is returned. A
    translation whose source is gone is kept as obsolete unless ``drop_obsolete``.
    """
    sources = extract_project(root)
    known, remarks = _gather(root)
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = dict(HEADER)
    for message, source in sorted(sources.items()):
        entry = _new_entry(message, source)
        if old := known.pop(message, None):
            _take_translation(entry, old)
        catalogue.append(entry)
    if not drop_obsolete:
        for _message, old in sorted(known.items(), key=lambda item: item[0]):
            if old.translated():
                old.obsolete = True
                old.occurrences = []
                catalogue.append(old)
    path = get_po_path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(path), newline="\n")
    return remarks


def check(root: Path) -> list[Problem]:
    """Return everything that keeps the catalogue from being complete and sound."""
    sources = extract_project(root)
    path = get_po_path(root)
    entries = {_id_of(entry): entry for entry in _read(path)} if path.exists() else {}
    problems = []
    for message, source in sorted(sources.items()):
        entry = entries.pop(message, None)
        if entry is None or entry.obsolete or not _is_translated(entry):
            files = ", ".join(sorted(source.files))
            problems.append(Problem("untranslated", message, f"in {files}"))
        else:
            problems += _check_entry(message, source, entry)
    problems += [Problem("obsolete", message) for message in sorted(entries)]
    return problems


def compile_catalogue(root: Path, *, target: Path | None = None) -> Path:
    """Write the ``.mo`` beside the ``.po`` (or to ``target``) and return its path.

    Raises FileNotFoundError where there is no catalogue yet.
    """
    path = get_po_path(root)
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: write it with --update")
    target = target or path.with_suffix(".mo")
    target.parent.mkdir(parents=True, exist_ok=True)
    _read(path).save_as_mofile(str(target))
    return target


# --- parts of the above ---


def _read(path: Path) -> polib.POFile:
    return polib.pofile(str(path), encoding="utf-8", wrapwidth=0)


def _id_of(entry: polib.POEntry) -> MessageId:
    return MessageId(entry.msgid, entry.msgctxt or "")


def _gather(root: Path) -> tuple[dict[MessageId, polib.POEntry], list[str]]:
    """Return the best known translation of each message, and where two differ."""
    known: dict[MessageId, polib.POEntry] = {}
    remarks = []
    main = get_po_path(root)
    parts = sorted((root / "locale" / "parts").glob("*.po"))
    for path in [*([main] if main.exists() else []), *parts]:
        for entry in _read(path):
            message = _id_of(entry)
            standing = known.get(message)
            if standing is None or not _is_translated(standing):
                entry.obsolete = False
                known[message] = entry
            elif _is_translated(entry) and _said(entry) != _said(standing):
                remarks.append(
                    f"{path.name}: {message.text!r} stays {_said(standing)!r}, not {_said(entry)!r}"
                )
    return known, remarks


def _new_entry(message: MessageId, source: Source) -> polib.POEntry:
    entry = polib.POEntry(
        msgid=message.text,
        msgctxt=message.context or None,
        msgid_plural=source.plural,
        occurrences=[(name, "") for name in sorted(source.files)],
        comment="\n".join(source.comments),
    )
    if source.plural:
        entry.msgstr_plural = {0: ""}
    return entry


def _take_translation(entry: polib.POEntry, old: polib.POEntry) -> None:
    if entry.msgid_plural:
        entry.msgstr_plural = {0: old.msgstr_plural.get(0) or old.msgstr}
    else:
        entry.msgstr = old.msgstr or old.msgstr_plural.get(0, "")
    entry.tcomment = old.tcomment
    entry.flags = [flag for flag in old.flags if flag == "fuzzy"]


def _said(entry: polib.POEntry) -> str:
    return str(entry.msgstr or entry.msgstr_plural.get(0, ""))


def _is_translated(entry: polib.POEntry) -> bool:
    return bool(_said(entry).strip())


def _check_entry(message: MessageId, source: Source, entry: polib.POEntry) -> list[Problem]:
    problems = []
    if entry.fuzzy:
        problems.append(Problem("fuzzy", message))
    if (entry.msgid_plural or "") != source.plural:
        problems.append(Problem("plural", message, "run --update"))
    # Chinese has one form, which stands for every count, so it needs what the plural needs.
    wanted = sorted(set(PLACEHOLDER.findall(source.plural or message.text)))
    given = sorted(set(PLACEHOLDER.findall(_said(entry))))
    if wanted != given:
        problems.append(Problem("placeholders", message, f"has {given}, needs {wanted}"))
    return problems
