"""Text that a page shows is marked for translation: a label in a call of Streamlit's, and whatever reads like a sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [
    *sorted((ROOT / "pages").glob("*.py")),
    *(path for room in ("ui", "words", "figures") for path in sorted((ROOT / "resnet_viz" / room).rglob("*.py"))),
]
MARKS = {"tr", "trn", "N_"}
# Calls whose first argument is read on the page, and arguments that are, wherever they stand.
LABELLED = set(
    "button download_button download selectbox multiselect radio toggle checkbox slider select_slider number_input text_input "  # noqa: SIM905
    "text_area file_uploader expander popover caption markdown text write info warning error success toast spinner "
    "segmented_control pills metric dialog header camera_input say complain note".split()
)
READ = {"help", "placeholder", "tip", "alt"}
# Calls that take no text for people: keys of the session, kinds of traces, patterns.
SILENT = {
    "get",
    "pop",
    "setdefault",
    "startswith",
    "endswith",
    "split",
    "partition",
    "rpartition",
    "replace",
    "compile",
    "html",
}
PROSE = re.compile(r"[A-Za-z’']{2,}[,;:.)]? +[(*]*[A-Za-z]{2,}")
CODE = re.compile(r"</?\w+[ >]|[{};]\s*$|--?rv-|px\b|rgba|^[a-z_]+ [a-z_]*$")
# What stays as it is, and why.
KEPT = {
    "BN, ReLU", "CSV", "D MMM, HH:mm",  # names, and a format of dates
    "skip, shortcut", "loss, nats", "BN statistics",  # keys of the glossary, which `tip` translates
    "in and out", "A page failed",  # a chart's key, and a line of the log
    "what {} says of each image",  # this and the next in a file
    "raw and signed, summed over channels; Grad-CAM: the layer's cells, before its ReLU",
    # Streamlit takes a cache's spinner once, before there is a session.
    "Reading the data set", "Showing it the data set", "Loading the network", "Asking the networks without these blocks",
    "{} · ResNet Viz", "**{}** :gray[{}]",
    "x domain", "y domain", "top center", "bottom center", "top right", "bottom right", "middle left", "middle right",  # Plotly's
}  # fmt: skip


def words(node: ast.expr) -> str | None:
    """The letters of a string or an f-string; None for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def called(node: ast.AST) -> str:
    func = getattr(node, "func", None)
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def unmarked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of what people read and no catalogue knows."""
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def ancestors(node: ast.AST) -> Iterator[ast.AST]:
        while node in above:
            yield (node := above[node])

    for node in ast.walk(tree):
        text, parent = words(node), above.get(node)
        if text is None or text in KEPT or isinstance(parent, ast.Expr | ast.JoinedStr):
            continue
        chain = list(ancestors(node))
        if any(called(a) in MARKS or isinstance(a, ast.Raise | ast.Assert) for a in chain):
            continue
        if isinstance(parent, ast.Compare | ast.Subscript) or (isinstance(parent, ast.Dict) and node in parent.keys):
            continue
        if isinstance(parent, ast.Call) and called(parent) in SILENT:
            continue
        if isinstance(parent, ast.keyword) and parent.arg in ("key", "icon", "mime", "name", "hovertemplate"):
            continue
        first = isinstance(parent, ast.Call) and parent.args and parent.args[0] is node and called(parent) in LABELLED
        read = isinstance(parent, ast.keyword) and parent.arg in READ
        bare = text.replace("{}", "")
        if ((first or read) and re.search("[A-Za-z]{3}", bare)) or (PROSE.search(bare) and not CODE.search(text)):
            yield node.lineno, text


def test_all_text_on_pages_is_marked() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:90]}"
        for path in FILES
        for line, text in unmarked(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
