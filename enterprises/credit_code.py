"""The unified social credit code 统一社会信用代码 and its check character.

Source: GB 32100-2015, 4 and annex: 18 characters of an alphabet without I, O, S, V and Z; the last
one is 31 minus the weighted sum of the others modulo 31.
"""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(3**place % 31 for place in range(17))


def get_check_character(first_seventeen: str) -> str:
    """Return the 18th character for the first seventeen; ``ValueError`` outside the alphabet."""
    total = sum(
        ALPHABET.index(char) * weight
        for char, weight in zip(first_seventeen, _WEIGHTS, strict=True)
    )
    return ALPHABET[-total % 31]


def check_credit_code(text: str) -> None:
    """Raise ``ValidationError`` saying what is wrong with the code, nothing if it is right."""
    if len(text) != 18:
        raise ValidationError(
            _("A unified social credit code has 18 characters; this has %(count)s."),
            code="length",
            params={"count": len(text)},
        )
    if strange := sorted({char for char in text if char not in ALPHABET}):
        raise ValidationError(
            _("A unified social credit code has no character %(strange)s."),
            code="character",
            params={"strange": " ".join(strange)},
        )
    if (wanted := get_check_character(text[:17])) != text[17]:
        raise ValidationError(
            _(
                "The last character of the unified social credit code does not fit the others: "
                "it is %(given)s and would have to be %(wanted)s. Please look for a typing error."
            ),
            code="check",
            params={"given": text[17], "wanted": wanted},
        )
