"""Reads a repository and fetches only what changed, by the words of docs/metadata-format.md alone.

delta_reader.py URL OLD NEW

Mirrors the metadata of the repository at URL into the directory NEW, out of what the directory OLD has and
of what has to be fetched. Prints for each record, as JSON, how many bytes its file has, how many of them were
fetched, and in how many requests. It needs nothing beside Python's own library.
"""

import hashlib
import json
import os
import struct
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

REPO = "{http://linux.duke.edu/metadata/repo}"
TAIL = 34
LONGEST = 64 << 20
MEMBER = bytes.fromhex("1f8b08040000000000ff")
NOTHING = bytes.fromhex("03000000000000000000")


class NoIndex(Exception):
    """A file is not as the page says: it is fetched whole."""


def need(is_so, what):
    """Ends the reading of an index that is not as the page says."""
    if not is_so:
        raise NoIndex(what)


def u32(data, at):
    """Returns the number at a place."""
    need(0 <= at <= len(data) - 4, "it is cut off")
    return struct.unpack_from("<I", data, at)[0]


def index_length(last):
    """Returns how long the index of a file is, by its last bytes."""
    need(len(last) >= TAIL, "it is too short")
    last = last[-TAIL:]
    if last.endswith(bytes.fromhex("b1ea928f")):
        length = u32(last, TAIL - 17) + 8 + 8 * u32(last, TAIL - 9) + 9
    else:
        need(last.startswith(MEMBER) and last.endswith(NOTHING), "it has no index")
        need(last[10:16] == b"\x0c\x00TE\x08\x00", "it has no index")
        length = struct.unpack_from("<Q", last, 16)[0]
    need(TAIL <= length <= LONGEST, "its index is too long")
    return length


def content(index):
    """Returns what the index of either compression holds."""
    if index.endswith(bytes.fromhex("b1ea928f")):
        need(index[:4] == bytes.fromhex("5d2a4d18"), "it has another frame")
        length = u32(index, 4)
        table = 8 + length
        need(index[table : table + 4] == bytes.fromhex("5e2a4d18"), "it has no seek table")
        need(u32(index, table + 4) == len(index) - table - 8, "its seek table has another length")
        return index[8:table]
    pieces, at = b"", 0
    while at < len(index) - TAIL:
        need(index[at : at + 10] == MEMBER and index[at + 12 : at + 14] == b"TI", "it has another member")
        extra, length = struct.unpack_from("<H2xH", index, at + 10)
        need(extra == length + 4, "its extra field has another length")
        pieces += index[at + 16 : at + 16 + length]
        at += 16 + length
        need(index[at : at + 10] == NOTHING, "a member is not empty")
        at += 10
    need(at == len(index) - TAIL, "its members have another length")
    return pieces


class Index:
    """What stands at the end of a file: where its segments are, and their names."""

    def __init__(self, index, file_size):
        data = content(index)
        need(data[:4] == b"TNI1", "it has another version")
        at = 8 + u32(data, 4)
        self.writer = data[8:at].decode()
        self.head, self.end, count = u32(data, at), u32(data, at + 4), u32(data, at + 8)
        need(len(data) == at + 12 + 28 * count, "it has another number of segments")
        self.length = len(index)
        # First byte, size, size decompressed, packages, name.
        self.segments, begin = [], self.head
        for size, opened, packages, name in struct.iter_unpack("<III16s", data[at + 12 :]):
            self.segments.append((begin, size, opened, packages, name))
            begin += size
        need(begin + self.end + self.length == file_size, "its parts do not make the file")


def index_of_file(path):
    """Returns the index of a file on disk."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(max(0, size - TAIL))
        length = index_length(file.read())
        need(length <= size, "its index is too long")
        file.seek(size - length)
        return Index(file.read(), size)


class Remote:
    """A file on a server, and what was fetched of it."""

    def __init__(self, url):
        self.url, self.fetched, self.requests = url, 0, 0

    def whole(self):
        """Fetches all of it."""
        with urllib.request.urlopen(self.url) as answer:
            return self.took(answer.read())

    def part(self, begin, end):
        """Fetches the bytes from `begin` up to, not with, `end`."""
        request = urllib.request.Request(self.url, headers={"Range": f"bytes={begin}-{end - 1}"})
        with urllib.request.urlopen(request) as answer:
            need(answer.status == 206, "the server gives no parts")
            data = self.took(answer.read())
        need(len(data) == end - begin, "the server gives another part")
        return data

    def took(self, data):
        self.fetched += len(data)
        self.requests += 1
        return data


def changed(remote, size, old_path):
    """Returns a new file, from the old one and what is missing of it."""
    old = index_of_file(old_path)
    guess = min(size, old.length + old.end + 4096)
    last = remote.part(size - guess, size)
    length = index_length(last)
    need(length <= size, "its index is too long")
    if length > len(last):
        last = remote.part(size - length, size)
    new = Index(last[-length:], size)
    known = {name: (begin, length) for begin, length, _, _, name in old.segments}
    missing = [(0, new.head)] + [(begin, size) for begin, size, _, _, name in new.segments if name not in known]
    behind = size - length - new.end
    if size - behind > len(last):
        missing.append((behind, new.end))
    got = {}
    for begin, end in runs(missing):
        data = remote.part(begin, end)
        for at, piece in missing:
            if begin <= at < end:
                got[at] = data[at - begin : at - begin + piece]
    parts = [got[0]]
    with open(old_path, "rb") as file:
        for begin, piece, _, _, name in new.segments:
            if begin not in got:
                place, _ = known[name]
                file.seek(place)
                got[begin] = file.read(piece)
            parts.append(got[begin])
    parts.append(got[behind] + last[-length:] if behind in got else last[-(length + new.end) :])
    return b"".join(parts)


def runs(missing):
    """Returns begin and end of each run of neighbours."""
    found = []
    for begin, size in missing:
        if found and found[-1][1] == begin:
            found[-1][1] += size
        else:
            found.append([begin, begin + size])
    return found


def records(repomd):
    """Returns type, path, checksum and size of each record."""
    for data in ElementTree.fromstring(repomd).iter(REPO + "data"):
        checksum = data.find(REPO + "checksum")
        size = data.find(REPO + "size")
        path = data.find(REPO + "location").get("href")
        yield data.get("type"), path, (checksum.get("type"), checksum.text), size is not None and int(size.text)


def has(data, checksum):
    """Returns whether data has a checksum."""
    return hashlib.new(checksum[0], data).hexdigest() == checksum[1]


def mirror(url, old, new):
    """Mirrors a repository; returns what it cost."""
    repomd = Remote(f"{url}/repodata/repomd.xml").whole()
    with open(f"{old}/repodata/repomd.xml", "rb") as file:
        before = {kind: path for kind, path, _, _ in records(file.read())}
    told = {}
    for kind, path, checksum, size in records(repomd):
        remote, why = Remote(f"{url}/{path}"), None
        try:
            need(kind in before and size, "there is nothing to begin with")
            data = changed(remote, size, f"{old}/{before[kind]}")
            need(has(data, checksum), "its parts have another checksum")
        except (NoIndex, struct.error, OSError) as problem:
            data, why = remote.whole(), str(problem)
        assert has(data, checksum), path
        os.makedirs(os.path.dirname(f"{new}/{path}"), exist_ok=True)
        with open(f"{new}/{path}", "wb") as file:
            file.write(data)
        told[kind] = {"size": len(data), "fetched": remote.fetched, "requests": remote.requests, "whole": why}
    with open(f"{new}/repodata/repomd.xml", "wb") as file:
        file.write(repomd)
    return told


if __name__ == "__main__":
    print(json.dumps(mirror(*sys.argv[1:])))
