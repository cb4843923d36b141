"""`runs`, `export`, `import`, `site`, `prune`, `networks`: what there is, taking it along, bringing it, and making room."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resnet_viz.cli.output import FileError, print_json, say_why_they_wait, writable, write
from resnet_viz.cli.train import result_line
from resnet_viz.nets import refs
from resnet_viz.publish import bundle
from resnet_viz.publish.weights import KINDS, lines
from resnet_viz.runs.record import Record
from resnet_viz.runs.schema import disk_cap
from resnet_viz.runs.store import Store


def add_parsers(commands: Any) -> None:
    """Add the commands."""
    command = commands.add_parser("runs", help="list the runs, show one, or delete one")
    command.add_argument("run", nargs="?", metavar="RUN", help="show all that is known of this one")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.add_argument("--delete", metavar="RUN", help="delete this one with its curves and checkpoints, for good")
    command.set_defaults(call=runs)

    command = commands.add_parser(
        "export", help="write runs as tables, as one offline HTML page, or whole; or the weights or the script of one"
    )
    command.add_argument("runs", nargs="+", metavar="RUN", help="ids of runs, as `runs` lists them")
    command.add_argument(
        "--csv", type=Path, metavar="FILE", help="every value; without other files it goes to standard output"
    )
    command.add_argument("--parquet", type=Path, metavar="FILE", help="the same values as a Parquet table")
    command.add_argument(
        "--tensorboard",
        type=Path,
        metavar="FOLDER",
        help="a folder a run, for TensorBoard (needs resnet-viz[tensorboard])",
    )
    command.add_argument("--html", type=Path, metavar="FILE", help="one page with its charts, which needs no network")
    command.add_argument(
        "--weights", type=Path, metavar="FILE", help="of one run, as .safetensors or .pth, and the lines that load it"
    )
    command.add_argument(
        "--step", type=int, metavar="N", help="of --weights: the checkpoint of this step; default: the last"
    )
    command.add_argument(
        "--script",
        type=Path,
        metavar="FILE.py",
        help="of one training, PyTorch alone that gives its curve again; images and first weights go beside it as .npz",
    )
    command.add_argument("--whole", type=Path, metavar="FILE.zip", help="settings, curves and weights, for `import`")
    command.set_defaults(call=export)

    command = commands.add_parser("import", help="bring runs that `export --whole` wrote, here or elsewhere")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE.zip")
    command.set_defaults(call=import_)
    command = commands.add_parser("site", help="write what ships as plain HTML pages, which need no server")
    command.add_argument(
        "out", type=Path, metavar="OUT", help="the folder, which is made; its files of such names are replaced"
    )
    command.set_defaults(call=site)

    command = commands.add_parser("prune", help="delete old checkpoints until they fit")
    command.add_argument(
        "--cap", type=float, metavar="GB", help="what may stay, in GB; default: RESNET_VIZ_DISK_GB, else 5"
    )
    command.set_defaults(call=prune)

    command = commands.add_parser("networks", help="list the trained networks that labs take")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(call=networks)


def runs(options: argparse.Namespace) -> int:
    """A line a run; all of one; or delete one."""
    store = Store()
    unreadable = {run.id: run for run in store.unreadable()}
    if options.delete:
        run = unreadable.get(options.delete) or store.run(options.delete)
        store.delete(run.id)
        print(f"Deleted {run.id}, {run.name}: its curves and {run.bytes / 1e6:.1f} MB of checkpoints.")
        return 0
    listed = [store.run(options.run)] if options.run else store.runs()
    for run in listed:
        more = {"event": "run", "name": run.name, "group": run.group, "created": run.created}
        if options.run:
            more |= {"note": run.note, "versions": run.versions, "spec": asdict(run.spec)}
        if options.json or options.run:
            print_json(result_line(run) | more, indent=None if options.json else 2)
        else:
            accuracy = run.result.get("test_accuracy")
            tail = f"{100 * accuracy:5.1f} %" if accuracy is not None else "      –"
            print(
                f"{run.id}  {run.status:9} {run.step:>6}/{run.steps:<6} {tail}  {run.bytes / 1e6:6.1f} MB  {run.name}"
            )
    for broken in () if options.run else unreadable.values():
        if options.json:
            print_json({"event": "run", "run": broken.id, "status": "unreadable", "message": broken.reason})
        else:
            print(f"{broken.id}  unreadable {'':22}  {broken.bytes / 1e6:6.1f} MB  {broken.name}: {broken.reason}")
    say_why_they_wait(store, listed)
    return 0


def export(options: argparse.Namespace) -> int:
    """Tables, HTML, weights, a script and whole runs, each where it is asked for."""
    files = (options.csv, options.parquet, options.html, options.weights, options.script, options.whole)
    for path in files:
        writable(path)
    # Plotly takes a second to import.
    from resnet_viz.publish.export import csv, parquet
    from resnet_viz.publish.handout import handout

    store = Store()
    if options.weights:
        _export_weights(store, options)
    if options.whole:
        write(options.whole, bundle.pack(store, options.runs))
    if options.script:
        _export_script(store, options)
    records = [store.record(run) for run in options.runs]
    if options.parquet:
        write(options.parquet, parquet(records))
    if options.tensorboard:
        _export_tensorboard(records, options.tensorboard)
    if options.html:
        write(options.html, handout(records))
    if options.csv:
        write(options.csv, csv(records))
    elif not any((*files, options.tensorboard)):
        sys.stdout.write(csv(records))
    return 0


def _export_script(store: Store, options: argparse.Namespace) -> None:
    """Write a training's script and its data. Raises UserError."""
    path = options.script
    if path.suffix != ".py":
        raise FileError(f"{str(path)!r} is no name for a script; let it end in .py.")
    if len(options.runs) != 1:
        raise FileError(f"A script is of one run, not of {len(options.runs)}; name one.")
    data = path.with_suffix(".npz")
    writable(data)
    from resnet_viz.publish.script import script  # and torch with it

    text, arrays = script(store.record(options.runs[0]), data.name)
    write(path, text)
    write(data, arrays)


def _export_tensorboard(records: Sequence[Record], folder: Path) -> None:
    """Write runs for TensorBoard, and say where. Raises UserError."""
    from resnet_viz.publish import tensorboard  # and torch with it

    try:
        written = tensorboard.write(folder, records)
    except OSError as error:
        raise FileError(f"{str(folder)!r} can't be written to ({error.strerror}); name another folder.") from error
    for path in written:
        print(path)


def _export_weights(store: Store, options: argparse.Namespace) -> None:
    """Write a run's weights, and print the lines that load them. Raises UserError."""
    path, step = options.weights, options.step
    if path.suffix not in KINDS:
        raise FileError(f"{str(path)!r} is no name for weights; let it end in {' or '.join(KINDS)}.")
    if len(options.runs) != 1:
        raise FileError(f"One file holds the weights of one run, not of {len(options.runs)}; name one.")
    run = store.run(options.runs[0])
    source = refs.find(f"run:{run.id}" + ("" if step is None else f"@{step}"), store)
    from resnet_viz.nets import weights  # and torch with it

    network = weights.load(source)
    write(path, weights.packed(network, path.suffix, run.spec))
    print(lines(source.spec, path.name, network.mean.tolist(), network.std.tolist()))


def import_(options: argparse.Namespace) -> int:
    """Bring runs, and say which. Raises UserError for the first file of which nothing can be kept."""
    store = Store()
    for path in options.files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FileError(f"{str(path)!r} can't be read ({error.strerror}); name another file.") from error
        for run in map(store.run, bundle.unpack(store, path.name, content)):
            print(f"{run.name}: {run.status}, {run.step:,} steps, {run.bytes / 1e6:.1f} MB of weights. Run {run.id}.")
    return 0


def site(options: argparse.Namespace) -> int:
    """Write the static site, and say how large it is. Raises FileError."""
    from resnet_viz.publish import site as pages

    names = []
    try:
        for name in pages.write(options.out):
            print(options.out / name)
            names.append(name)
    except OSError as error:
        raise FileError(f"{str(options.out)!r} can't be written to ({error.strerror}); name another folder.") from error
    size = sum((options.out / name).stat().st_size for name in names)
    print(f"{size / 1e6:.1f} MB. Open {options.out / 'index.html'}, or put the folder on any web host.")
    return 0


def prune(options: argparse.Namespace) -> int:
    """Delete what is over the cap, and say how much that was."""
    store = Store()
    freed = store.prune(disk_cap() if options.cap is None else options.cap * 1e9)
    print(f"{freed / 1e6:.1f} MB freed; {store.disk_use() / 1e6:.1f} MB in use below {store.home}.")
    return 0


def networks(options: argparse.Namespace) -> int:
    """A line a network: how labs' --networks names it, and what it is."""
    for source in refs.available(Store()):
        if options.json:
            here = source.path is not None
            print_json({"network": source.ref, "label": source.label, "about": source.about, "here": here})
        else:
            note = "" if source.path else " (to be downloaded: on the page Inside)"
            print(f"{source.ref:32} {source.label}{note}")
    return 0
