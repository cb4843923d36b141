"""Damage: bytes of a file, or of a part of it whose checksum is made right again, so that it gets further in."""

import io
import struct
import zipfile
import zlib

import numpy as np


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """The file damaged somewhere: half of the time inside, where it has parts with checksums or lengths."""
    inside = draw.random() < 0.5
    if inside and content.startswith(b"PK"):
        return _in_zip(content, draw)
    if inside and content.startswith(b"\x89PNG"):
        return _in_png(content, draw)
    if inside and content[8:9] == b"{":
        return _in_head(content, draw)
    return _bytes(content, draw)


def _bytes(content: bytes, draw: np.random.Generator) -> bytes:
    """Cut, with bytes changed at the head, the tail or anywhere, a part left out, doubled, blanked, or numbers made huge."""
    data, kind = bytearray(content), draw.integers(7)
    if not data:
        return content
    at, length = int(draw.integers(len(data))), int(draw.integers(1, 200))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        for place in draw.integers(0, len(data), draw.integers(1, 20)):
            data[place] = draw.integers(256)
    elif kind == 2:
        data[at : at + length] = bytes(len(data[at : at + length]))
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length]
    elif kind == 5:
        near = int(draw.integers(min(300, len(data)))) * (1 if draw.random() < 0.5 else -1)
        data[near] = draw.integers(256)
    else:
        large = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"99999999")[draw.integers(4)]
        place = at % min(400, len(data))
        data[place : place + len(large)] = large
    return bytes(data)


def _in_zip(content: bytes, draw: np.random.Generator) -> bytes:
    """One entry damaged and packed again, or its name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info.filename, archive.read(info), info.compress_type) for info in archive.infolist()]
    chosen, file = int(draw.integers(len(entries))), io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, (name, inner, method) in enumerate(entries):
            if number == chosen and draw.random() < 0.1:
                name = f"x{_bytes(name.encode(), draw).decode('utf-8', 'replace')}".replace("\0", "")
            elif number == chosen:
                inner = damaged(inner, draw)
            archive.writestr(zipfile.ZipInfo(name), inner, method)
    return file.getvalue()


def _in_png(content: bytes, draw: np.random.Generator) -> bytes:
    chunks, at = [], 8
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += length + 12
    chosen = int(draw.integers(len(chunks)))
    name, body = chunks[chosen]
    chunks[chosen] = name, _bytes(body, draw)
    return content[:8] + b"".join(
        len(b).to_bytes(4, "big") + n + b + zlib.crc32(n + b).to_bytes(4, "big") for n, b in chunks
    )


def _in_head(content: bytes, draw: np.random.Generator) -> bytes:
    """The JSON before a .safetensors' tensors, its length made right."""
    end = 8 + struct.unpack_from("<Q", content)[0]
    head = _bytes(content[8:end], draw)
    if draw.random() < 0.5:  # a value of another type
        words = (b"null", b"[]", b"NaN", b'"x"', b"-1", b"1e999", b"{}", b"0.5", b'"\\ud800"')
        values = [b"32", b"1.0", b'\\"mine\\"', b"null", b"[1.0, 2.0, 3.0]", b'\\"0\\"', b"0.25", b"10"]
        head = content[8:end].replace(values[draw.integers(len(values))], words[draw.integers(len(words))])
    return struct.pack("<Q", len(head)) + head + content[end:]
