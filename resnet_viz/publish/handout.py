"""One offline HTML file with the interactive stage, for people without a server."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from resnet_viz.figures.style import nets
from resnet_viz.files import STAGE
from resnet_viz.publish.export import spec_table
from resnet_viz.runs.record import Record
from resnet_viz.stage.library import plotly_js
from resnet_viz.stage.payload import TABS, pack
from resnet_viz.words import twins, watched


def handout(
    records: Sequence[Record], title: str = "Residual and plain networks, side by side", sentence: str = ""
) -> str:
    """One HTML file with everything inside: the verdict, the stage with its slider, and a table of the specs.

    It works from a disk without a network. ``sentence`` is what stands over the chart, else the records' verdict; it and
    ``title`` are plain text.
    """
    words = watched if watched.are(records) else twins
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{ONLY_WHAT_IS_INSIDE}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
{(STAGE / "stage.css").read_text(encoding="utf-8")}
{PAGE_CSS}</style>
</head>
<body>
<main>
<h1>{html.escape(sentence or words.verdict(records))}</h1>
<p>{html.escape(words.aside(records))}</p>
<div id="stage"></div>
<details><summary>How these runs were made</summary>
{_table(records)}
</details>
</main>
<script>{plotly_js().read_text(encoding="utf-8")}</script>
{stage_script(records)}
</body>
</html>
"""


def stage_script(records: Sequence[Record]) -> str:
    """The script that draws the records' stage into the element "stage", once plotly.js is there."""
    data = base64.b64encode(pack(records, tabs=tuple(TABS), click=False)).decode()
    return f"""<script type="module">
{(STAGE / "stage.js").read_text(encoding="utf-8")}
{{
  const data = Uint8Array.from(atob("{data}"), (c) => c.charCodeAt(0));
  const parentElement = document.getElementById("stage");
  stage({{ data, parentElement, setTriggerValue() {{}}, setStateValue() {{}} }});
}}
</script>"""


def _table(records: Sequence[Record]) -> str:
    """The specs side by side, what differs first and in bold."""
    columns = [spec_table(record.spec) for record in records]
    names = [net.label for record in records for net in nets(records) if record in net.records]
    differs = {key for key in (columns[0] if columns else ()) if len({repr(c[key]) for c in columns}) > 1}
    lines = [f"<tr><th></th>{''.join(f'<th>{html.escape(name)}</th>' for name in names)}</tr>"]
    for key in sorted(columns[0] if columns else (), key=lambda k: k not in differs):
        cells = "".join(f"<td>{html.escape(str(column[key]))}</td>" for column in columns)
        lines.append(f"<tr{' class=differs' if key in differs else ''}><th>{key}</th>{cells}</tr>")
    return "<table>" + "\n".join(lines) + "</table>"


# A module can't import another from a disk, but the whole script can stand in the page. Nothing else may run or be fetched,
# whatever a file's spec or name says.
ONLY_WHAT_IS_INSIDE = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"

PAGE_CSS = """
:root { color-scheme: light dark; --st-background-color: #ffffff; --st-text-color: #1f2630; --st-primary-color: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --st-background-color: #14181d; --st-text-color: #e6e9ed; --st-primary-color: #2f93d1; }
}
body { margin: 0; background: var(--st-background-color); color: var(--st-text-color); font-family: system-ui, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 12px 20px 24px; }
h1 { font-size: clamp(19px, 2.2vw, 28px); font-weight: 600; line-height: 1.25; margin: 0 0 8px; }
details { margin-top: 16px; font-size: 14px; }
table { border-collapse: collapse; margin-top: 8px; }
th, td { text-align: left; font-weight: 400; padding: 3px 16px 3px 0; border-bottom: 1px solid #8884; }
tr.differs > *, tr:first-child th { font-weight: 700; }
"""
