"""Holds the files of a repository against docs/metadata-format.md, claim by claim.

format_check.py DIRECTORY CUTS...

CUTS are the usual segments of filelists, primary and other, in bytes, that the repository was written with.
Prints, as JSON, the number of segments of each file. Ends with status 1 and a traceback at the first claim that
does not hold.
"""

import gzip
import io
import json
import re
import struct
import sys
from xml.sax.saxutils import unescape

import blake3
import zstandard

from delta_reader import Index, index_length, records


def decompress(data):
    """Decompresses one part, by itself."""
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().decompress(data)


def decompress_all(data):
    """Decompresses a file as readers do that know nothing of its parts."""
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    return reader.read()


def parts_of(data, kind):
    """Returns the index of a file, and the texts of its segments."""
    index = Index(data[-index_length(data) :], len(data))
    head = decompress(data[: index.head]).decode()
    count = int(re.fullmatch(r'<\?xml version="1.0" encoding="UTF-8"\?>\n<\w+(?:-ext)? .*packages="(\d+)">\n', head)[1])
    assert count == sum(packages for _, _, _, packages, _ in index.segments), "the head has another count"
    behind = len(data) - index.length
    end = decompress(data[behind - index.end : behind]).decode()
    assert re.fullmatch(r"</\w+(?:-ext)?>", end), end
    texts = []
    for begin, size, opened, packages, name in index.segments:
        packed = data[begin : begin + size]
        assert blake3.blake3(packed).digest()[:16] == name, "a segment has another name"
        text = decompress(packed).decode()
        assert len(text.encode()) == opened, "a segment has another size"
        elements = re.findall(r"<package .*?</package>\n", text, re.DOTALL)
        assert "".join(elements) == text and len(elements) == packages, "a segment is not whole packages"
        texts.append(elements)
    assert head + "".join(map("".join, texts)) + end == decompress_all(data).decode(), "parts are not the whole"
    if data[:2] != b"\x1f\x8b":
        seek_table(data, index, len(head), len(end))
    return index, texts


def seek_table(data, index, head, end):
    """Holds the seek table against the index."""
    count, descriptor, magic = struct.unpack("<IBI", data[-9:])
    assert (count, descriptor, magic) == (len(index.segments) + 3, 0, 0x8F92EAB1)
    entries = list(struct.iter_unpack("<II", data[-9 - 8 * count : -9]))
    segments = [(size, opened) for _, size, opened, _, _ in index.segments]
    assert entries[:-1] == [(index.head, head), *segments, (index.end, end)], "the seek table has other entries"
    assert entries[-1][1] == 0 and sum(size for size, _ in entries) + 8 + 8 * count + 9 == len(data)


def key(element):
    """Returns by what a package is ordered; versions of the tests are numbers with points."""
    field = lambda pattern: unescape(re.search(pattern, element)[1], {"&quot;": '"'})
    version = [int(part) for part in field(r' ver="([^"]*)"').split(".")]
    release = [int(part) for part in field(r' rel="([^"]*)"').split(".")]
    base = re.search(r'<location xml:base="([^"]*)"', element)
    href = (unescape(base[1]) + "/" if base else "") + field(r'<location [^>]*href="([^"]*)"')
    name, arch = field("<name>(.*)</name>"), field("<arch>(.*)</arch>")
    return name.encode(), arch.encode(), int(field(r'epoch="(\d+)"')), version, release, field(">(.*)</checksum>"), href


def draw(element):
    """Returns the draw of a package."""
    name, arch, epoch, version, release, pkgid, _ = key(element)
    numbers = [".".join(map(str, numbers)) for numbers in (version, release)]
    of = f"{name.decode()}-{epoch}:{numbers[0]}-{numbers[1]}.{arch.decode()} {pkgid}".encode()
    return struct.unpack("<Q", blake3.blake3(of).digest()[:8])[0]


def main(directory, *cuts):
    """Checks all files of a repository."""
    usual = dict(zip(("filelists", "primary", "other"), map(int, cuts), strict=True))
    usual["filelists-ext"] = usual["filelists"]
    with open(f"{directory}/repodata/repomd.xml", "rb") as file:
        paths = {kind: path for kind, path, _, _ in records(file.read())}
    found, writers = {}, set()
    for kind in ("primary", "filelists", "other", "filelists-ext"):
        if kind in paths:
            with open(f"{directory}/{paths[kind]}", "rb") as file:
                index, texts = parts_of(file.read(), kind)
            found[kind] = texts
            writers.add(index.writer)
    assert len(writers) == 1, writers
    flat = {kind: [element for segment in texts for element in segment] for kind, texts in found.items()}
    primary = flat["primary"]
    assert [key(element) for element in primary] == sorted(map(key, primary)), "the order is another"
    draws = list(map(draw, primary))
    for kind, texts in found.items():
        begins, at = [], 0
        for segment in texts:
            begins.append(at)
            at += len(segment)
        sizes = [len(element.encode()) for element in flat[kind]]
        wanted = [at for at, size in enumerate(sizes) if at == 0 or draws[at] * usual[kind] < size << 64]
        assert begins == wanted, f"{kind} is cut elsewhere"
    print(json.dumps({kind: len(texts) for kind, texts in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
