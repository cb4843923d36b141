"""Which language is spoken. Texts stand in English where they are used; catalogues in `locale/` hold them in other languages.

A text is looked up whenever it is shown, never before: who asks decides the language, so nothing of gettext is installed. A page
is asked by a session (`follow`), a file by whoever makes it (`speaking`); workers, command line and tests hear English.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import BinaryIO

from resnet_viz.files import PACKAGE

SOURCE = "en"  # of the texts in the code
LOCALE = PACKAGE / "locale"
DOCUMENTS = PACKAGE / "ui" / "labs"

_spoken: ContextVar[str | None] = ContextVar("language", default=None)
_of_session: Callable[[], str] = lambda: SOURCE  # noqa: E731 (replaced by `follow`)


def N_(text: str) -> str:
    """Mark a text of a table, which is translated when it is drawn, by ``tr(TABLE[key])``."""
    return text


def tr(text: str, **values: object) -> str:
    """A text in the language that is spoken now; ``values`` go into its placeholders, as `str.format` says.

    A text without a translation stays as it is, such as a name that a user chose.
    """
    said = _catalogue(current()).gettext(text) if text else ""
    return said.format(**values) if values else said


def trn(one: str, many: str, n: int, **values: object) -> str:
    """Like `tr`, of ``n`` things, ``{n}`` among the placeholders: ``trn("{n} run", "{n} runs", n)``."""
    return _catalogue(current()).ngettext(one, many, n).format(n=n, **values)


def document(name: str) -> str:
    """A text of `ui/labs`, such as "lesions.md", translated a paragraph at a time."""
    text = (DOCUMENTS / name).read_text(encoding="utf-8")
    return "\n\n".join(map(tr, paragraphs(text)))


def paragraphs(text: str) -> list[str]:
    """What empty lines part."""
    return [part for part in text.strip().split("\n\n") if part]


def extract_paragraphs(file: BinaryIO, *_: object, **__: object) -> Iterator[tuple[int, None, str, list[str]]]:
    """For Babel, see pyproject.toml: the texts of a document."""
    for part in paragraphs(file.read().decode()):
        yield 1, None, part, []


def current() -> str:
    """The code of the language that is spoken now, such as "zh"; belongs to the key of every cache that holds sentences."""
    return _spoken.get() or _of_session()


def follow(of_session: Callable[[], str]) -> None:
    """Let ``of_session`` say which language whoever asks has chosen."""
    global _of_session
    _of_session = of_session


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language in this block, in this thread."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


@cache
def languages() -> dict[str, str]:
    """The languages that there are, code → its own short name for itself: a catalogue's translation of "EN"."""
    codes = sorted(path.stem for path in LOCALE.glob("*.mo"))
    return {SOURCE: "EN"} | {code: _catalogue(code).gettext(N_("EN")) for code in codes}


def nearest(locale: str | None) -> str:
    """The language for a browser's locale, such as "zh-CN"; English where there is none for it."""
    code = (locale or "").replace("_", "-").partition("-")[0].lower()
    return code if code in languages() else SOURCE


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    with (LOCALE / f"{language}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)
