"""Names in old zips: without the flag for UTF-8 they are in the code page of the machine that packed them, which none states."""

from __future__ import annotations

from collections.abc import Sequence

# What is tried, in this order, with what a note calls it.
_WESTERN, _CHINESE, _JAPANESE = "cp437", "gbk", "shift_jis"
CALLED = {_WESTERN: "western", _CHINESE: "Chinese (GBK)", _JAPANESE: "Japanese (Shift-JIS)"}


def guess(names: Sequence[bytes]) -> str:
    """The encoding in which all of these names, none of them plain ASCII, are readable; "" where there is none.

    UTF-8, which hardly any other bytes form by chance; western letters, where they are few among others (Maltése); Chinese of the
    common set (GB 2312); Japanese without halfwidth kana, which is what Chinese bytes look like in it.
    """
    tests = {"utf-8": _any, _WESTERN: _few_accents, _CHINESE: _common_chinese, _JAPANESE: _no_halfwidth}
    for encoding, fits in tests.items():
        try:
            if all(fits(name.decode(encoding)) for name in names):
                return encoding
        except (UnicodeDecodeError, UnicodeEncodeError):
            continue
    return ""


def _any(name: str) -> bool:
    return True


def _few_accents(name: str) -> bool:
    accents = [c for c in name if not c.isascii()]
    return all(c.isalpha() for c in accents) and 3 * len(accents) <= sum(c.isalpha() for c in name)


def _common_chinese(name: str) -> bool:
    name.encode("gb2312")
    return True


def _no_halfwidth(name: str) -> bool:
    return not any("\uff61" <= c <= "\uff9f" for c in name)
