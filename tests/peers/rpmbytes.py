"""The bytes of an RPM file: any header, any tag, an empty payload. handmade.py says which."""

import hashlib
import struct

CHAR, INT8, INT16, INT32, INT64, STRING, BIN, STRINGS, I18N = range(1, 10)
WIDTH = {INT16: 2, INT32: 4, INT64: 8}

NAME, VERSION, RELEASE, EPOCH, SUMMARY, DESCRIPTION, BUILDTIME, BUILDHOST = range(1000, 1008)
SIZE, VENDOR, LICENSE, PACKAGER, GROUP, URL, OS, ARCH = 1009, 1011, 1014, 1015, 1016, 1020, 1021, 1022
OLDFILENAMES, FILEMODES, FILEDIGESTS, FILEFLAGS, FILEDIGESTALGO = 1027, 1030, 1035, 1037, 5011
SOURCERPM, ARCHIVESIZE, CHANGELOGTIME, CHANGELOGNAME, CHANGELOGTEXT = 1044, 1046, 1080, 1081, 1082
SOURCEPACKAGE, DIRINDEXES, BASENAMES, DIRNAMES, LONGSIZE = 1106, 1116, 1117, 1118, 5009
DEPENDENCIES = {
    "provides": (1047, 1112, 1113),
    "requires": (1049, 1048, 1050),
    "conflicts": (1054, 1053, 1055),
    "obsoletes": (1090, 1114, 1115),
    "recommends": (5046, 5048, 5047),
    "suggests": (5049, 5051, 5050),
    "supplements": (5052, 5054, 5053),
    "enhances": (5055, 5057, 5056),
    "oldsuggests": (1156, 1158, 1157),
    "oldenhances": (1159, 1161, 1160),
}
LT, EQ, LE, GE = 2, 8, 10, 12
PRE, MISSINGOK, STRONG = 1 << 9, 1 << 19, 1 << 27


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def header(tags, region):
    """Returns the bytes of a header; `region` is the tag of its signed region, or None."""
    index, data = b"", b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        if kind == BIN:
            count, raw = len(values), values
        elif kind == STRING:
            count, raw = 1, as_bytes(values) + b"\0"
        elif kind in (STRINGS, I18N):
            count, raw = len(values), b"".join(as_bytes(value) + b"\0" for value in values)
        else:
            width = WIDTH.get(kind, 1)
            data += b"\0" * (-len(data) % width)
            count, raw = len(values), b"".join(value.to_bytes(width, "big") for value in values)
        index += struct.pack(">4I", tag, kind, len(data), count)
        data += raw
    if region is not None:
        index = struct.pack(">4I", region, BIN, len(data), 16) + index
        data += struct.pack(">2IiI", region, BIN, -len(index), 16)
    return b"\x8e\xad\xe8\x01\0\0\0\0" + struct.pack(">2I", len(index) // 16, len(data)) + index + data


def package(name, tags=None, signature=None, region=True):
    """Returns the bytes of an RPM; `tags` overrides the usual ones, None takes one away."""
    all_tags = {
        NAME: (STRING, name),
        VERSION: (STRING, "1"),
        RELEASE: (STRING, "1"),
        SUMMARY: (I18N, ["summary of " + name]),
        DESCRIPTION: (I18N, ["description of " + name]),
        BUILDTIME: (INT32, [1600000000]),
        BUILDHOST: (STRING, "builder"),
        SIZE: (INT32, [42]),
        LICENSE: (STRING, "MIT"),
        GROUP: (I18N, ["Unspecified"]),
        OS: (STRING, "linux"),
        ARCH: (STRING, "noarch"),
        SOURCERPM: (STRING, name + "-1-1.src.rpm"),
    }
    all_tags.update(tags or {})
    main = header(
        {tag: value for tag, value in all_tags.items() if value is not None}, 63 if region else None
    )
    sums = {
        269: (STRING, hashlib.sha1(main).hexdigest()),
        273: (STRING, hashlib.sha256(main).hexdigest()),
        1000: (INT32, [len(main)]),
        1004: (BIN, hashlib.md5(main).digest()),
        1007: (INT32, [124]),
    }
    sums.update(signature or {})
    sig = header({tag: value for tag, value in sums.items() if value is not None}, 62)
    lead = (
        b"\xed\xab\xee\xdb\x03\x00\x00\x00\x00\x01"
        + name.encode()[:65].ljust(66, b"\0")
        + b"\0\x01\0\x05"
        + b"\0" * 16
    )
    return lead + sig + b"\0" * (-len(sig) % 8) + main


def deps(kind, *entries):
    """Returns the three tags of dependencies (name, flags, version)."""
    name, flags, version = DEPENDENCIES[kind]
    return {
        name: (STRINGS, [entry[0] for entry in entries]),
        flags: (INT32, [entry[1] for entry in entries]),
        version: (STRINGS, [entry[2] for entry in entries]),
    }


def files(*entries):
    """Returns the tags of files (directory, base name, mode, flags)."""
    dirs = sorted({entry[0] for entry in entries})
    return {
        DIRNAMES: (STRINGS, dirs),
        BASENAMES: (STRINGS, [entry[1] for entry in entries]),
        DIRINDEXES: (INT32, [dirs.index(entry[0]) for entry in entries]),
        FILEMODES: (INT16, [entry[2] for entry in entries]),
        FILEFLAGS: (INT32, [entry[3] for entry in entries]),
        FILEDIGESTS: (STRINGS, ["0" * 64 for _ in entries]),
    }


def changes(*entries):
    """Returns the tags of changelog entries (date, author, text), newest first."""
    return {
        CHANGELOGTIME: (INT32, [entry[0] for entry in entries]),
        CHANGELOGNAME: (STRINGS, [entry[1] for entry in entries]),
        CHANGELOGTEXT: (STRINGS, [entry[2] for entry in entries]),
    }
