"""What the house asks of every module and ruff does not check: short modules, public docstrings, one kind of error at a catch."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = {str(p.relative_to(ROOT)): ast.parse(p.read_text()) for p in sorted((ROOT / "resnet_viz").rglob("*.py"))}
PAGES = {str(p.relative_to(ROOT)): ast.parse(p.read_text()) for p in sorted((ROOT / "pages").glob("*.py"))}
FILES = LIBRARY | PAGES
LINES = 300


def test_no_module_is_long() -> None:
    lengths = {name: len((ROOT / name).read_text().splitlines()) for name in FILES}
    assert {name: lines for name, lines in lengths.items() if lines > LINES} == {}


def _public(node: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Functions, classes and methods that others may use: those without an underscore, in a module or a public class."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{inside}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{child.name}.")


def test_what_is_public_has_a_docstring() -> None:
    assert [name for name, tree in LIBRARY.items() if tree.body and not ast.get_docstring(tree)] == []
    public = [(f"{file}: {name}", node) for file, tree in LIBRARY.items() for name, node in _public(tree)]
    assert len(public) > 300
    assert [name for name, node in public if not ast.get_docstring(node)] == []


def _names(nodes: list[ast.expr]) -> set[str]:
    """Last names of the classes that expressions such as ``SpecError`` and ``sqlite3.Error`` mean."""
    return {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in nodes}


def test_no_catch_lists_our_errors() -> None:
    """They are UserErrors all: one more class must not escape a catch that meant them."""
    bases = {
        node.name: _names(node.bases)
        for tree in LIBRARY.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    ours = {"UserError"}
    while below := {name for name, above in bases.items() if above & ours} - ours:
        ours |= below
    assert len(ours) > 3
    several = [
        f"{file}:{node.lineno}"
        for file, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Tuple)
        and len(ours & _names(node.type.elts)) > 1
    ]
    assert several == []
