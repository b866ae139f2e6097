"""Pinyin of names, so that a phone's Latin keyboard finds them."""

from pypinyin import Style, lazy_pinyin

_MAX_PINYIN, _MAX_INITIALS = 400, 120


def to_pinyin(name: str) -> tuple[str, str]:
    """Return the syllables of a name run together and its initials, both in small letters.

    ``to_pinyin("襄汾铸造")`` is ``("xiangfenzhuzao", "xfzz")``; what is not Chinese stays as it is.
    """
    syllables = lazy_pinyin(name, style=Style.NORMAL)
    words = [syllable.lower().strip() for syllable in syllables if syllable.strip()]
    return (
        "".join(words)[:_MAX_PINYIN],
        "".join(word[0] for word in words)[:_MAX_INITIALS],
    )
