"""RPM files for `tannery createrepo` beside createrepo_c: handmade.py's and more, none made by a build tool.

    shapes.py DIRECTORY

`DIRECTORY/same` has those of which both programs must say the same. `DIRECTORY/other` has those where they
differ: text that createrepo_c takes as it is and no XML reader can read then, and names that rpmbuild refuses.
Starts no program.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
import handmade  # noqa: E402
from rpmbytes import (  # noqa: E402
    ARCH,
    BIN,
    BUILDTIME,
    DEPENDENCIES,
    DESCRIPTION,
    EPOCH,
    EQ,
    FILEDIGESTALGO,
    FILEDIGESTS,
    GE,
    GROUP,
    I18N,
    INT32,
    INT64,
    LICENSE,
    LONGSIZE,
    LT,
    NAME,
    PACKAGER,
    PRE,
    RELEASE,
    SIZE,
    SOURCEPACKAGE,
    SOURCERPM,
    STRING,
    STRINGS,
    SUMMARY,
    URL,
    VENDOR,
    VERSION,
    changes,
    deps,
    files,
    package,
)

PLAIN = 0o100644
NAMES = ["a", "A", "0", "a-b-c", "a_b", "a.b", "a+b", "libstdc++", "perl-Foo-Bar", "x" * 120, "1-2-3", "_"]
EVRS = ["1~", "1^", "1~~", "1.0~rc1^git5", "001", "a", "1_2", "1+2", "0", "20240101.1", "1" * 120, "1%2"]
ARCHES = ["x86_64", "i386", "i686", "aarch64", "armv7hl", "ppc64le", "s390x", "riscv64", "loongarch64", "x86_64_v2", "X"]
TEXTS = {
    "xml": "<a href='x'>&amp; \"b\" ]]> <!-- c --> <![CDATA[ d ]]> &#0; &lt;",
    "blanks": " \t leading and trailing \t ",
    "lines": "\n\n one\n\n\ttwo\r\nthree\r\r\n",
    "only-blanks": "   ",
    "line-feed": "\n",
    "unicode": "\ufeffB\u00d6M \u2028\u2029 e\u0301 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f680 \U0010fffd \u00a0",
    "controls": "\x7f\u0080\u0085\u009f\t",
    "long": "0123456789 &<é\n" * 20_000,
    "latin1": b"caf\xe9 & <\xdf>\x80\x9f",
    "cut-utf8": b"\xe2\x82",
}


def names():
    for number, name in enumerate(NAMES):
        yield f"name-{number}", {NAME: (STRING, name)}
    for number, text in enumerate(EVRS):
        yield f"version-{number}", {VERSION: (STRING, text)}
        yield f"release-{number}", {RELEASE: (STRING, text)}
    for number in (0, 1, 9, 2**31, 2**32 - 1):
        yield f"epoch-{number}", {EPOCH: (INT32, [number])}
    for arch in ARCHES:
        yield f"arch-{arch}", {ARCH: (STRING, arch)}
    for arch in ("x86_64", "noarch", "src", "nosrc"):
        source = {SOURCERPM: None, SOURCEPACKAGE: (INT32, [1]), ARCH: (STRING, arch)}
        yield f"source-{arch}", {**source, **files(("", "x.spec", PLAIN, 32), ("", "x.tar", PLAIN, 0))}
    # NOSOURCE and NOPATCH.
    yield "nosrc", {**source, 1051: (INT32, [0]), 1052: (INT32, [0]), **files(("", "x.tar", PLAIN, 64))}


def texts():
    for name, text in TEXTS.items():
        yield f"text-{name}", {
            SUMMARY: (I18N, [text]),
            DESCRIPTION: (I18N, [text]),
            GROUP: (I18N, [text]),
            **{tag: (STRING, text) for tag in (URL, LICENSE, VENDOR, PACKAGER, SOURCERPM)},
            **changes((9, text, text), (8, "a", text), (7, text, "b")),
        }
    yield "translated-thrice", {
        **{tag: (I18N, ["C", "de", "fr"]) for tag in (SUMMARY, DESCRIPTION, GROUP)},
        100: (STRINGS, ["C", "de", "fr"]),
    }


def numbers():
    for number in (0, 1, 2**31 - 1, 2**31, 2**32 - 1):
        yield f"built-{number}", {BUILDTIME: (INT32, [number])}
        yield f"size-{number}", {SIZE: (INT32, [number])}
    for number in (0, 1, 2**32, 2**63 - 1):
        yield f"long-size-{number}", {LONGSIZE: (INT64, [number]), SIZE: None}
    yield "both-sizes", {LONGSIZE: (INT64, [7]), SIZE: (INT32, [8])}
    # What createrepo_c does not look at: scriptlets with their interpreters, triggers, file triggers, order.
    scripts = {tag: (STRING, "echo <&>\n") for tag in (1023, 1024, 1025, 1026, 1079, 1151, 1152)}
    yield "scriptlets", {**scripts, **{tag: (STRINGS, ["/bin/sh"]) for tag in (1085, 1086, 1087, 1088, 1091)}}
    triggers = {1065: (STRINGS, ["x"]), 1066: (STRINGS, ["t"]), 1067: (STRINGS, ["1"]), 1068: (INT32, [1 << 16])}
    yield "triggers", {**triggers, 1069: (INT32, [0]), 1092: (STRINGS, ["/bin/sh"])}
    yield "file-triggers", {5066: (STRINGS, ["t"]), 5067: (STRINGS, ["/bin/sh"]), 5069: (STRINGS, ["/usr"]), 5070: (INT32, [0])}
    yield "order", {5035: (STRINGS, ["o"]), 5036: (STRINGS, ["1"]), 5037: (INT32, [8])}
    yield "unknown-tags", {6001: (BIN, b"\0\xff" * 9), 9_999_999: (STRINGS, ["x", "<&>"])}


def dependencies():
    yield "many-requires", deps("requires", *((f"lib{n}.so.{n % 7}", 0, "") for n in range(5_000)))
    yield "many-provides", deps("provides", *((f"font(:lang={n})", EQ, f"{n}:1-{n}") for n in range(5_000)))
    rich = ["(a and b)", "((a or b) if c else d)", "(a with b >= 2 without c)", "(", "(a", "()", "(a < 1 or b = 2:3-4)"]
    for kind in DEPENDENCIES:
        yield f"rich-{kind}", deps(kind, *((name, 0, "") for name in rich))
        names = ["a&b", "<a>", "'\"", "a b", " a", "a ", "a\tb", "é", b"\xe8", "a:b", "a-1-2", "/usr/bin/x", "x" * 2_000]
        yield f"names-{kind}", deps(kind, *((name, EQ, "1-1") for name in names))
        versions = ["&", "<1>", "1 2", "é", b"\xe9", "00:1", "4294967295:1", "1:", "1:-", "1:2-", "~", "^", "1-2-3", "0:0-0"]
        yield f"odd-versions-{kind}", deps(kind, *((f"d{n}", EQ, version) for n, version in enumerate(versions)))
        yield f"bits-{kind}", deps(kind, *((f"b{bit}", EQ | 1 << bit, "1") for bit in range(32) if bit not in (19, 27)))
    both = [("self", GE, "1"), ("self", LT, "2"), ("self", EQ, "1"), ("self", EQ | PRE, "1"), ("other(x)", 0, "")]
    yield "both-sides", {**deps("requires", *both), **deps("provides", *both)}


def listed_files():
    yield "twenty-thousand", files(*((f"/d{n % 97}/", f"f{n}", PLAIN, 0) for n in range(20_000)))
    yield "each-flag", files(*(("/x/", f"flag{bit}", PLAIN, 1 << bit) for bit in range(32)))
    yield "each-mode", files(*(("/x/", f"mode{mode:o}", mode << 12 | 0o755, 0) for mode in range(16)))
    yield "each-mode-ghost", files(*(("/x/", f"mode{mode:o}", mode << 12 | 0o755, 64) for mode in range(16)))
    places = ["/", "//", "/etc", "/etc/", "/etc//", "/etc/x/", "/usr/bin", "/usr/bin/", "bin/", "./", "../", "/a/../etc/"]
    yield "places", files(*((place, "f", PLAIN, 0) for place in places))
    yield "places-without-names", files(*((place, "", PLAIN, 0) for place in places))
    odd = ["&", "<x>", "'\"", " ", " a ", "\n", "a\nb", "\t", "\r", "\x7f", "\u0085", "\ufeff", "%41", "#?", "é", b"\xe9", "e\u0301"]
    yield "odd-names", files(*(("/usr/bin/", name, PLAIN, 0) for name in odd))
    yield "odd-places", files(*((name, "f", PLAIN, 0) for name in odd if isinstance(name, str)))
    yield "one-path-twice", files(("/x/", "f", PLAIN, 0), ("/x/", "f", 0o040755, 0), ("/x/", "f", PLAIN, 64))
    yield "deep", files(("/deep" * 400 + "/", "n" * 255, PLAIN, 0))
    yield "only-root", files(("/", "", 0o040755, 0))
    digests = {1: 32, 2: 40, 8: 64, 9: 96, 10: 128, 11: 56}
    for kind, length in digests.items():
        sums = {FILEDIGESTALGO: (INT32, [kind]), FILEDIGESTS: (STRINGS, ["a" * length, ""])}
        yield f"sums-{kind}", {**files(("/etc/", "f", PLAIN, 0), ("/etc/", "d", 0o040755, 0)), **sums}


def histories():
    yield "three-hundred-changes", changes(*((1_700_000_000 - n * 86_400, f"A <a{n}@b>", f"- {n}") for n in range(300)))
    yield "one-huge-change", changes((1, "a", "- line of a change & more\n" * 20_000))
    yield "changes-at-once", changes(*((1_600_000_000, f"a{n}", f"t{n}") for n in range(40)))
    yield "changes-of-nobody", changes((3, "", ""), (2, "", "text"), (1, "who", ""))
    yield "changes-out-of-order", changes(*((time, "a", "t") for time in (5, 9, 1, 7, 7, 2)))


def signatures():
    """Yields (name, signature tags): the header's place depends on the length of what stands before it."""
    for length in (0, 1, 3, 7, 8, 100, 4_096):
        yield f"reserved-{length}", {1008: (BIN, b"\0" * length)}
    for number in (0, 1, 2**32 - 1):
        yield f"archive-{number}", {1007: (INT32, [number])}
    for number in (0, 2**32, 2**63 - 1):
        yield f"long-archive-{number}", {1007: None, 271: (INT64, [number])}
    yield "format-6", {tag: None for tag in (1000, 1004, 1007)}


def others():
    yield "noncharacter", {SUMMARY: (I18N, ["\uffff and \ufffe"])}
    yield "surrogate", {SUMMARY: (I18N, [b"\xed\xa0\x80"])}
    yield "overlong", {SUMMARY: (I18N, [b"\xc0\xaf \xe0\x80\xaf"])}
    yield "beyond", {SUMMARY: (I18N, [b"\xf4\x90\x80\x80"])}
    yield "colon-in-version", {VERSION: (STRING, "1:2")}
    yield "dots-in-version", {VERSION: (STRING, "1..2")}
    yield "dot-before-release", {RELEASE: (STRING, ".1")}
    yield "brackets-in-name", {NAME: (STRING, "font(x)")}


def write(directory, prefix, shapes):
    for name, content in shapes:
        (directory / f"{prefix}-{name}.rpm".replace("/", "_")).write_bytes(content)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    same, other = (pathlib.Path(sys.argv[1]) / side for side in ("same", "other"))
    for directory in (same, other):
        directory.mkdir(parents=True)
    handmade.write(same)
    groups = [names(), texts(), numbers(), dependencies(), listed_files(), histories()]
    write(same, "shape", ((name, package(f"shape-{name}"[:60], tags)) for group in groups for name, tags in group))
    write(same, "shape", ((name, package(f"shape-{name}", signature=tags)) for name, tags in signatures()))
    write(other, "other", ((name, package(f"other-{name}", tags)) for name, tags in others()))


if __name__ == "__main__":
    main()
