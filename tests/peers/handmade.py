"""RPM files that no build tool writes and readers meet all the same.

They hold the corners of what createrepo_c does with a header. Run by corpus.py; nothing here starts
a program.
"""

from rpmbytes import (
    ARCH,
    ARCHIVESIZE,
    BASENAMES,
    BUILDHOST,
    BUILDTIME,
    CHANGELOGTEXT,
    DEPENDENCIES,
    DESCRIPTION,
    DIRINDEXES,
    DIRNAMES,
    EPOCH,
    EQ,
    FILEDIGESTALGO,
    FILEDIGESTS,
    FILEFLAGS,
    FILEMODES,
    GE,
    GROUP,
    I18N,
    INT16,
    INT32,
    INT64,
    LE,
    LICENSE,
    LONGSIZE,
    LT,
    MISSINGOK,
    OLDFILENAMES,
    PACKAGER,
    PRE,
    SIZE,
    SOURCEPACKAGE,
    SOURCERPM,
    STRING,
    STRINGS,
    STRONG,
    SUMMARY,
    URL,
    VENDOR,
    changes,
    deps,
    files,
    package,
)

ODD_VERSIONS = [
    "",
    "1",
    "1-2",
    "1--2",
    "2:1:3",
    "-1:2",
    "0:1",
    ":1-2",
    "-2",
    "1-",
    "a:1",
    "1a:1",
    " 7:2",
    "+3:4",
    "+:1",
]
TWO = files(("/usr/share/", "one", 0o100644, 0), ("/usr/bin/", "two", 0o100755, 0))
LATIN1 = b"M\xfcller \x80\xbf \xc4\xff"


def text_packages():
    yield "latin1", {
        SUMMARY: (I18N, [LATIN1]),
        DESCRIPTION: (I18N, [LATIN1 + b"\n\t" + LATIN1]),
        URL: (STRING, LATIN1),
        LICENSE: (STRING, LATIN1),
        VENDOR: (STRING, LATIN1),
        GROUP: (I18N, [LATIN1]),
        PACKAGER: (STRING, LATIN1),
        BUILDHOST: (STRING, LATIN1),
        SOURCERPM: (STRING, LATIN1),
        **deps("provides", (LATIN1, EQ, LATIN1)),
        **deps("requires", (b"x\xe9", 0, "")),
        **files((b"/d\xe9/", b"\xc3\xa9f", 0o100644, 0), (b"/usr/bin/", b"b\xe9", 0o100755, 0)),
        **changes((100, LATIN1, LATIN1)),
    }
    yield "utf8-controls", {
        SUMMARY: (I18N, ["del \x7f c1 \u0085 tab\tcr\r end"]),
        DESCRIPTION: (I18N, ["\n  outer blanks\r\n\n"]),
        **deps("provides", ("tab\tlf\ncr\rdel\x7f\u0085\u20ac\U0001f600", 0, "")),
        **changes((100, "tab\tlf\ncr\rdel\x7f\u0085", "]]> \u20ac\U0001f600\r")),
        **files(("/usr/bin/", "tab\tlf\ncr\r\u0085", 0o100644, 0)),
    }
    yield "broken-utf8", {SUMMARY: (I18N, [b"\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xe2\x82"])}
    yield "control", {SUMMARY: (I18N, ["bell \x07"])}
    yield "control-in-file", files(("/usr/", "a\x1b", 0o100644, 0))
    yield "translated", {SUMMARY: (I18N, ["in C", "auf Deutsch"]), 100: (STRINGS, ["C", "de"])}
    yield "absent", {tag: None for tag in (SUMMARY, DESCRIPTION, BUILDHOST, SIZE, LICENSE, GROUP, BUILDTIME)}
    yield "empty", {
        SUMMARY: (I18N, [""]),
        DESCRIPTION: (I18N, [""]),
        URL: (STRING, ""),
        LICENSE: (STRING, ""),
        VENDOR: (STRING, ""),
    }
    yield "no-sourcerpm", {SOURCERPM: None}
    yield "no-sourcerpm-with-files", {SOURCERPM: None, **TWO}
    yield "source-by-its-files", {SOURCERPM: None, **files(("", "x.spec", 0o100644, 32))}
    yield "source-by-tag", {SOURCERPM: None, SOURCEPACKAGE: (INT32, [1]), ARCH: (STRING, "x86_64")}
    yield "large", {LONGSIZE: (INT64, [5 << 32]), SIZE: None}
    yield "two-numbers", {BUILDTIME: (INT32, [5, 6])}
    yield "two-texts", {URL: (STRINGS, ["c"]), VENDOR: (I18N, ["d", "e"])}
    yield "old-source-names", {
        SOURCERPM: None,
        OLDFILENAMES: (STRINGS, ["x.spec"]),
        FILEMODES: (INT16, [0o100644]),
        FILEFLAGS: (INT32, [0]),
        FILEDIGESTS: (STRINGS, [""]),
    }
    yield "epoch-large", {EPOCH: (INT32, [4294967295])}
    yield "archivesize-inside", {ARCHIVESIZE: (INT32, [777])}


def dependency_packages():
    for kind in DEPENDENCIES:
        yield "senses-" + kind, deps(kind, *((f"sense{bits}", bits, "1:2-3") for bits in range(16)))
        yield "versions-" + kind, deps(
            kind,
            *(
                (f"v{number}-{flags}", flags, text)
                for number, text in enumerate(ODD_VERSIONS)
                for flags in (0, EQ)
            ),
        )
        yield "repeated-" + kind, deps(
            kind,
            ("a", GE, "1"),
            ("a", LT, "2"),
            ("a", GE, "1"),
            ("a", GE, "1"),
            ("", EQ, "1"),
            ("b", 0, ""),
            ("b", 0, ""),
            ("b", PRE, ""),
            ("c", 1, ""),
            ("c", 0, ""),
            ("(a or b)", 0, ""),
            ("strong", STRONG, ""),
            ("ok", MISSINGOK, ""),
        )
    yield "only-empty-names", {**deps("provides", ("", 0, "")), **deps("requires", ("", 0, ""))}
    yield "pre-bits", deps("requires", *((f"bit{bit}", 1 << bit, "") for bit in range(32) if bit != 19))
    yield "unequal", {
        **deps("requires", ("a", 0, ""), ("b", EQ, "1"), ("c", 0, "")),
        DEPENDENCIES["requires"][1]: (INT32, [0, EQ]),
        **deps("provides", ("a", 0, "")),
        DEPENDENCIES["provides"][2]: (STRINGS, ["", "1"]),
    }
    yield "no-flags", {**deps("requires", ("a", 0, "")), DEPENDENCIES["requires"][1]: None}
    yield "rpmlib", deps("requires", ("rpmlib(CompressedFileNames)", LE, "3.0.4-1"), ("rpmlib", 0, ""))
    yield "own", {
        **TWO,
        **deps(
            "provides",
            ("p", EQ, "0:1"),
            ("q", EQ, "1"),
            ("r", 0, ""),
            ("s", EQ, "a:1"),
            ("tEQ1", 0, ""),
            ("/usr/bin/two", 0, ""),
        ),
        **deps(
            "requires",
            ("p", EQ, "1"),
            ("q", EQ, "1"),
            ("q", EQ | PRE, "1"),
            ("q", GE, "1"),
            ("r", 0, ""),
            ("r", 1, ""),
            ("s", EQ, "a:1"),
            ("/usr/bin/two", 0, ""),
            ("/usr/share/one", 0, ""),
            ("/usr/bin/three", 0, ""),
            ("q", 0, "1"),
        ),
    }
    yield "own-directory", {
        **files(("/etc/", "d", 0o040755, 0), ("/usr/", "bin", 0o040755, 0)),
        **deps("requires", ("/etc/d", 0, ""), ("/usr/bin", 0, ""), ("/etc", 0, "")),
    }
    ok = ("m", MISSINGOK, "")
    yield "missingok", {
        **deps("provides", ("mine", 0, "")),
        **deps(
            "requires",
            ok,
            ok,
            ("m", 0, ""),
            ("m", 0, ""),
            ok,
            ("n", 0, ""),
            ("n", MISSINGOK, ""),
            ("n", 0, ""),
            ("n", MISSINGOK | PRE, ""),
            ("mine", MISSINGOK, ""),
            ("rpmlib(x)", MISSINGOK, ""),
            ("v", MISSINGOK, "x:1"),
            ("libc.so.6", MISSINGOK, ""),
            ("o", 0, "1"),
            ("o", MISSINGOK, "1"),
            ("o", 0, "1"),
        ),
        **deps("recommends", ("real", 0, "")),
    }


LIBC = [
    ["libc.so.6", "libc.so.6(GLIBC_2.4)"],
    ["libc.so.6(GLIBC_2.4)", "libc.so.6"],
    [
        "libc.so.6()(64bit)",
        "libc.so.6(GLIBC_2.4)(64bit)",
        "libc.so.6(GLIBC_2.34)(64bit)",
        "libc.so.6(GLIBC_2.9)(64bit)",
    ],
    ["libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6()(64bit)"],
    ["libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)"],
    ["libc.so.6(GLIBC_ABI_DT_RELR)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"],
    ["libc.so.6()(64bit)", "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)"],
    ["libc.so.6(GLIBC_ABI_DT_RELR)(64bit)", "libc.so.6()(64bit)"],
    ["libc.so.6(GLIBC_PRIVATE)(64bit)", "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)"],
    ["libc.so.6(GLIBC_2.4)", "libc.so.6(GLIBC_2.4)(64bit)"],
    ["libc.so.6(GLIBC_2.4)(64bit)", "libc.so.6(GLIBC_2.4)"],
    ["libc.so.6.1", "libc.so.6"],
    ["libc.so.6", "libc.so.6.1"],
    ["libc.so.6.1(GLIBC_2.4)", "libc.so.6(GLIBC_2.1)", "libc.so.6(GLIBC_2.10)"],
    ["libc.so.6(GLIBC_2.3.4)", "libc.so.6(GLIBC_2.3)", "libc.so.6(GLIBC_2.3.10)"],
    ["libc.so.6(GLIBC_2.3", "libc.so.6(GLIBC_2.2)"],
    ["libc.so.6(GLIBC_2.2)", "libc.so.6(GLIBC_2.3"],
    ["libc.so.6()(64bit)", "libc.so.6()"],
    ["libc.so.6()", "libc.so.6()(64bit)"],
    ["libc.so.6", "libc.so.6()(64bit)"],
    ["libc.so.6()(64bit)", "libc.so.6"],
    ["libc.so.6(GLIBC_2.4)", "libc.so.6)GLIBC_2.5("],
    ["libc.so.6(GLIBC_2.17)(64bit)", "libc.so.6()(64bit)", "libc.so.6(GLIBC_2.4)(64bit)"],
    ["libc.so.6(GLIBC_PRIVATE)", "libc.so.6"],
    ["libc.so.6", "libc.so.6(GLIBC_PRIVATE)"],
    ["libc.so.6(GLIBC_2.3", "libc.so.6"],
    ["libc.so.6(GLIBC_2.3", "libc.so.6()"],
    ["libc.so.6", "libc.so.6(GLIBC_2.3"],
    ["libc.so.6()", "libc.so.6(GLIBC_2.3"],
    [
        "libc.so.6()(64bit)",
        "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)",
        "libc.so.6(GLIBC_2.2.5)(64bit)",
        "libc.so.6(GLIBC_2.38)(64bit)",
    ],
]


def libc_packages():
    for number, names in enumerate(LIBC):
        around = [("before", 0, ""), *((name, 0, "") for name in names), ("after", 0, "")]
        yield f"libc-{number:02}", deps("requires", *around)


def file_packages():
    modes = [
        ("dir", 0o040755),
        ("plain", 0o100644),
        ("link", 0o120777),
        ("device", 0o020644),
        ("pipe", 0o010644),
    ]
    yield "file-kinds", files(
        *(("/usr/lib/", f"{name}{flags}", mode, flags) for name, mode in modes for flags in (0, 1, 2, 64, 65))
    )
    names = [
        ("/etc/", "x"),
        ("/etc", "x"),
        ("/opt/xbin/", "y"),
        ("/opt/", "xbin"),
        ("/usr/lib/", "sendmail"),
        ("/cabin/", "x"),
        ("/usr/lib/sendmail/", "x"),
        ("/usr/", "&<>\"' b"),
        ("/\u00fc/", "\u20ac"),
        ("", "bin/x"),
        ("/a/etc/", "x"),
    ]
    yield "file-names", files(*((directory, name, 0o100644, 0) for directory, name in names))
    for number in (*range(20), 99):
        yield f"digests-of-kind-{number}", {**TWO, FILEDIGESTALGO: (INT32, [number])}
    yield "digests-odd", {**TWO, FILEDIGESTS: (STRINGS, ["", "x\xe9&\"\n"])}
    for tag in (FILEMODES, FILEFLAGS, FILEDIGESTS, DIRINDEXES, DIRNAMES, BASENAMES):
        yield f"files-without-{tag}", {**TWO, tag: None}
    yield "files-bad-index", {**TWO, DIRINDEXES: (INT32, [0, 2])}
    yield "files-few-indexes", {**TWO, DIRINDEXES: (INT32, [0])}
    yield "files-many-indexes", {**TWO, DIRINDEXES: (INT32, [0, 1, 1])}
    yield "files-few-modes", {**TWO, FILEMODES: (INT16, [0o100644])}
    yield "files-few-flags", {**TWO, FILEFLAGS: (INT32, [0])}
    yield "files-few-digests", {**TWO, FILEDIGESTS: (STRINGS, [""])}
    yield "files-few-names", {**TWO, BASENAMES: (STRINGS, ["one"])}
    yield "files-old-names", {
        OLDFILENAMES: (STRINGS, ["/usr/bin/old", "/usr/share/dir", "/etc/ghost"]),
        FILEMODES: (INT16, [0o100755, 0o040755, 0o100644]),
        FILEFLAGS: (INT32, [0, 0, 64]),
        FILEDIGESTS: (STRINGS, ["", "", ""]),
        **deps("requires", ("/usr/bin/old", 0, "")),
    }


def changelog_packages():
    for name, dates in {
        "same": [5, 5, 5],
        "cascade": [2, 1, 0, 0, 0],
        "gap": [9, 7, 7, 6, 6, 5, 5],
        "rising": [1, 2, 2, 3],
        "zeros": [0] * 12,
        "many": list(range(300, 0, -1)),
        "eleven": [8] * 11,
        "late": [4294967295, 4294967295, 2147483648, 2147483648],
    }.items():
        yield "changes-" + name, changes(
            *((date, f"a{number}", f"t{number}") for number, date in enumerate(dates))
        )
    authors = ["   ", " ", "a  ", " a ", "a b", "\u00e9  ", "x\t "]
    yield "changes-authors", changes(*((99 - number, author, "") for number, author in enumerate(authors)))
    yield "changes-unequal", {**changes((3, "a", "x"), (2, "b", "y")), CHANGELOGTEXT: (STRINGS, ["x"])}
    yield "changes-without-text", {**changes((3, "a", "x")), CHANGELOGTEXT: None}
    yield "changes-control-in-the-eleventh", changes(
        *((90 - n, "a", "t" if n < 10 else "\x01") for n in range(12))
    )


def write(directory):
    """Writes all of them into `directory`; returns how many."""
    groups = [text_packages(), dependency_packages(), libc_packages(), file_packages(), changelog_packages()]
    made = {"handmade-" + name: package("handmade-" + name, tags) for group in groups for name, tags in group}
    own = deps("provides", ("handmade-old-own", EQ, "3:1-1"), ("x", 0, ""))
    old = {
        "old": TWO,
        "old-own": {**own, EPOCH: (INT32, [3])},
        "old-bare": {**deps("provides", ("x", EQ, ""), ("y", 0, "")), 1112: None, 1113: None},
        "old-epoch": {
            EPOCH: (INT32, [0]),
            **deps("requires", ("handmade-old-epoch", EQ, "0:1-1"), ("z", 0, "")),
        },
    }
    for name, tags in old.items():
        made["handmade-" + name] = package("handmade-" + name, tags, region=False)
    made["handmade-long-archive"] = package(
        "handmade-long-archive", signature={1007: None, 271: (INT64, [6 << 32])}
    )
    made["handmade-no-archive"] = package("handmade-no-archive", signature={1007: None})
    made["handmade-%41+~^#?&'=é ü;"] = package("handmade-file-name")
    for name, content in made.items():
        (directory / (name + "-1-1.noarch.rpm")).write_bytes(content)
    return len(made)
