"""Texts and their catalogues: complete, with the same placeholders, and looked up for whoever asks, whenever it is shown."""

import ast
import io
import string
import threading
from functools import cache
from pathlib import Path

import pytest
from babel.messages import extract
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from resnet_viz import language
from resnet_viz.errors import UserError
from resnet_viz.language import DOCUMENTS, LOCALE, N_, document, languages, nearest, paragraphs, speaking, tr, trn
from resnet_viz.spec.model import ModelSpec
from resnet_viz.words.pages import LEADS

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "resnet_viz").rglob("*.py"))]
CATALOGUES = sorted(LOCALE.glob("*.po"))
CALLS = {"tr": None, "trn": (1, 2), "N_": None}


@cache
def texts() -> set[str | tuple[str, ...]]:
    """All marked texts; of `trn` a pair."""
    found = set()
    for path in FILES:
        with path.open("rb") as file:
            found |= {text for _, text, _, _ in extract.extract("python", file, CALLS)}
    for path in DOCUMENTS.glob("*.md"):
        found.update(paragraphs(path.read_text(encoding="utf-8")))
    return found


def catalogue(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda p: p.stem)
def test_a_catalogue_holds_all_texts_and_no_others(path: Path) -> None:
    """Else: `make languages`, then translate what is empty."""
    found = catalogue(path)
    entries = {m.id: m.string if isinstance(m.string, tuple | list) else (m.string,) for m in found if m.id}
    assert texts() - set(entries) == set()
    assert set(entries) - texts() == set()
    assert [id_ for id_, strings in entries.items() if not all(strings)] == []
    assert [m.id for m in found if m.id and m.fuzzy] == []
    assert not found.obsolete


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda p: p.stem)
def test_what_is_compiled_is_what_is_written(path: Path) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(path))
    assert path.with_suffix(".mo").read_bytes() == compiled.getvalue()


def fields(text: str) -> set[tuple[str, str, str]]:
    """Names, formats and conversions of the placeholders of a text."""
    return {(name, form or "", how or "") for _, name, form, how in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda p: p.stem)
def test_a_translation_has_its_texts_placeholders(path: Path) -> None:
    wrong = []
    for message in catalogue(path):
        if isinstance(message.id, tuple):  # English says "one" without a number here and there
            known = fields(message.id[0]) | fields(message.id[1])
            wrong += [message.id for text in message.string if not fields(message.id[0]) <= fields(text) <= known]
        elif message.id and "{" in message.id + message.string and fields(message.id) != fields(message.string):
            wrong.append(message.id)
    assert wrong == []


def calls(path: Path) -> list[ast.Call]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") in CALLS]


def test_no_text_is_put_together_before_it_is_translated() -> None:
    """A catalogue can't know what an f-string, a sum or `format` makes; placeholders are for that."""
    bad = (ast.JoinedStr, ast.BinOp)
    found = [
        f"{path.name}:{call.lineno}"
        for path in FILES
        for call in calls(path)
        for arg in call.args[: 2 if call.func.id == "trn" else 1]
        if isinstance(arg, bad) or (isinstance(arg, ast.Call) and getattr(arg.func, "attr", "") == "format")
    ]
    assert found == []


def test_every_marked_text_is_found() -> None:
    """Babel reads no calls within an f-string."""
    found = {call.args[0].value for path in FILES for call in calls(path) if isinstance(call.args[0], ast.Constant)}
    assert found - {text if isinstance(text, str) else text[0] for text in texts()} == set()


def test_a_text_is_said_in_the_language_of_whoever_asks() -> None:
    title = N_("Twins")
    said = {}

    def ask() -> None:
        said["beside"] = tr(title)

    with speaking("zh"):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        assert tr(title) == "双网对照"
    assert (tr(title), said["beside"]) == ("Twins", "Twins")


def test_a_document_is_said_a_paragraph_at_a_time() -> None:
    for path in DOCUMENTS.glob("*.md"):
        assert document(path.name) == path.read_text(encoding="utf-8").strip()
        with speaking("zh"):
            said = document(path.name)
        assert len(paragraphs(said)) == len(paragraphs(path.read_text(encoding="utf-8")))
        assert not set(paragraphs(said)) & set(paragraphs(path.read_text(encoding="utf-8")))


def test_every_page_begins_in_every_language() -> None:
    for code in languages():
        with speaking(code):
            leads = {tr(lead) for lead in LEADS.values()}
            assert len(leads) == len(LEADS)
            assert code == language.SOURCE or not leads & set(LEADS.values())


def test_browsers_name_languages_in_many_ways() -> None:
    assert [nearest(name) for name in ("zh", "zh-CN", "zh_Hans_CN", "ZH-TW", "en-GB", "fr", "", None)] == [
        "zh", "zh", "zh", "zh", "en", "en", "en", "en",
    ]  # fmt: skip


def test_what_is_no_text_stays_as_it_is() -> None:
    with speaking("zh"):
        assert tr("my own net {0}") == "my own net {0}"
        assert tr("") == ""
        assert trn("{n} thing of no catalogue", "{n} things of no catalogue", 2) == "2 things of no catalogue"


def test_a_third_language_is_one_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(language, "LOCALE", tmp_path)
    language.languages.cache_clear()
    try:
        assert list(languages()) == ["en"]
        source, mo = tmp_path / "de.po", tmp_path / "de.mo"
        text = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\nmsgid "EN"\nmsgstr "DE"\n'
        source.write_text(text, encoding="utf-8")
        with mo.open("wb") as file:
            write_mo(file, catalogue(source))
        language.languages.cache_clear()
        assert languages() == {"en": "EN", "de": "DE"}
        assert nearest("de-AT") == "de"
    finally:
        language.languages.cache_clear()
        language._catalogue.cache_clear()


def test_a_mistake_is_said_in_the_language_of_whoever_reads_it() -> None:
    with pytest.raises(UserError) as caught:
        ModelSpec(depth=57).validate()
    assert str(caught.value) == "Depth 57 is not 6n+2 between 8 and 1202; the nearest are 56 and 62."
    with speaking("zh"):
        assert str(caught.value).startswith("深度 57 不是 8 到 1202 之间的 6n+2")
    assert str(UserError("a name with {braces} of a user's")) == "a name with {braces} of a user's"
