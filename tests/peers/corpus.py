"""Makes a directory of varied RPM files: what rpmbuild makes of many specs, and handmade.py's.

    corpus.py DIRECTORY [--signed]

The same files whenever the same rpmbuild makes them. `TANNERY_PEERS_RPMBUILD` names another
rpmbuild. With --signed, copies of one package signed by fresh RSA and EdDSA keys stand in
DIRECTORY/KEYID/ (needs gpg and rpmsign).
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import handmade  # noqa: E402

OPERATORS = ["", "<", "<=", "=", ">=", ">"]
VERSIONS = ["1", "2:1-3", "1~rc1-1", "1^git-2", "0:1.0-0.1", "10.20.30-40.fc43"]
KINDS = [
    "Provides",
    "Requires",
    "Conflicts",
    "Obsoletes",
    "Suggests",
    "Enhances",
    "Recommends",
    "Supplements",
]
WHEN = ["pre", "post", "preun", "postun", "pretrans", "posttrans", "verify", "interp", "meta", "pre,post"]
RICH = [
    "(a and b)",
    "(a or b or c)",
    "(a if b)",
    "(a if b else c)",
    "(a with b >= 2)",
    "(a without b < 3)",
    "(a unless b)",
    "((a and b) or (c >= 1:2-3 and d))",
]
EVRS = [
    ("", "1", "1"),
    ("", "1~rc1", "1"),
    ("", "1~~", "0"),
    ("", "1^20200101git", "1"),
    ("", "1^", "1~2"),
    ("0", "1", "1"),
    ("3", "1.2.3", "4.fc43"),
    ("99999", "1", "1"),
    ("", "001", "010"),
    ("", "1_2+3", "1_a+b"),
    ("", "a", "b"),
    ("", "2024.01.01", "0.1.rc2"),
    ("", "1.0.0", "1%{?missing}.el9_4.2"),
]
PAYLOADS = ["w9.gzdio", "w1.gzdio", "w7.xzdio", "w19.zstdio", "w3.zstdio", "w9.bzdio", "w2.lzdio", "w.ufdio"]
DATES = {
    "none": [],
    "one": [20],
    "ten": range(29, 19, -1),
    "eleven": range(30, 19, -1),
    "same": [20] * 5,
    "cascade": [22, 21, 20, 20, 20],
    "twice": [25, 25, 24, 24, 23, 23],
    "all": [20] * 12,
}
WEEKDAYS = ["Wed", "Thu", "Fri", "Sat", "Sun", "Mon", "Tue"]


def change(day, number=0):
    """Returns the head of a changelog entry of a day of January 2020."""
    return f"* {WEEKDAYS[(day - 1) % 7]} Jan {day:02} 2020 Zoë <Packager> {number} - 1-{number}"


def spec(name, packages, head="", install="", changelog="", version="1", release="1"):
    """Returns a spec; `packages` are (suffix, tag lines, lines of %files or None for no package)."""
    text = f"Name: {name}\nVersion: {version}\nRelease: {release}\nLicense: MIT\nURL: https://example.org/{name}\n"
    text += f"Summary: All of {name}\nAutoReqProv: no\n{head}\n%description\nThe {name}.\n"
    for suffix, lines, _ in packages:
        text += f"\n%package {suffix}\nSummary: {suffix} of {name}\nAutoReqProv: no\n{lines}\n%description {suffix}\nText.\n"
    text += f"\n%install\nmkdir -p %{{buildroot}}\n{install}\n"
    for suffix, _, files in packages:
        if files is not None:
            text += f"\n%files {suffix}\n{files}\n"
    return text + (f"\n%changelog\n{changelog}\n" if changelog else "")


def dependency_spec():
    packages = []
    for kind in KINDS:
        for version in VERSIONS:
            lines = [
                f"{kind}: {kind.lower()}{i} {op} {version if op else ''}" for i, op in enumerate(OPERATORS)
            ]
            suffix = f"{kind.lower()}-{VERSIONS.index(version)}"
            lines += [f"{kind}: twice = 1"] * 2
            if kind != "Obsoletes":
                lines.append(f"{kind}: f(<&>'é)")
            packages.append((suffix, "\n".join(lines), ""))
    for number, rich in enumerate(RICH):
        kinds = ["Requires", "Recommends", "Suggests", "Supplements", "Enhances"]
        if " if " in rich:
            kinds = ["Requires", "Recommends", "Suggests"]
        if " unless " in rich:
            kinds = ["Conflicts"]
        packages.append((f"rich-{number}", "\n".join(f"{kind}: {rich}" for kind in kinds), ""))
    when = "\n".join(f"Requires({word}): needed-{number} >= 1" for number, word in enumerate(WHEN))
    packages.append(
        ("when", when + "\nRequires: needed-0 >= 1\nRequires(post): needed-0 >= 1\nRecommends: real", "")
    )
    libc = [
        "libc.so.6()(64bit)",
        *(f"libc.so.6(GLIBC_2.{n})(64bit)" for n in (2.5, 4, 34, 9)),
        "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)",
    ]
    packages.append(("libc", "\n".join(f"Requires: {name}" for name in ["zlib", *libc, "alpha"]), ""))
    own = "Provides: own = 1\nRequires: own = 1\nRequires: own = 0:1\nRequires: own\nRequires: /usr/bin/own\nRequires: /usr/share/own"
    packages.append(
        ("own", own + "\nRequires: deps-own = 1-1\nRequires: /bin/sh", "/usr/bin/own\n/usr/share/own")
    )
    return spec(
        "deps",
        packages,
        install="mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share; touch %{buildroot}/usr/bin/own %{buildroot}/usr/share/own",
    )


def file_spec():
    install = """
cd %{buildroot}
mkdir -p etc/conf.d usr/bin usr/sbin usr/lib opt/xbin opt/cabin/deep "usr/share/ü €" usr/share/doc/x var/log var/lib/empty many
touch etc/x.conf etc/conf.d/y usr/bin/tool usr/sbin/daemon usr/lib/sendmail opt/xbin/y opt/cabin/deep/z var/log/ghost usr/share/doc/x/README
touch "usr/share/ü €/ñ & <x> 'q' .txt" usr/share/%%41+~^,=@
ln -s tool usr/bin/link
ln -s nowhere usr/lib/dangling
chmod 4755 usr/sbin/daemon
for n in $(seq 5000); do : > many/a-file-with-a-name-of-some-length-$n; done
"""
    packages = [
        ("empty", "", ""),
        ("config", "", "%config /etc/x.conf\n%config(noreplace) /etc/conf.d/y\n%dir /etc/conf.d"),
        ("ghosts", "", "%ghost /var/log/ghost\n%ghost /var/log/never\n%ghost %dir /var/lib/empty"),
        ("dirs", "", "%dir /opt/xbin\n%dir /opt/cabin\n%dir /var/lib/empty"),
        ("links", "", "/usr/bin/link\n/usr/lib/dangling"),
        (
            "primary",
            "Requires: /usr/bin/tool\nRequires: /opt/xbin/y\nRequires: /usr/lib/sendmail",
            "/usr/bin/tool\n/usr/sbin/daemon\n/usr/lib/sendmail\n/opt/xbin/y\n/opt/cabin",
        ),
        ("names", "", '"/usr/share/ü €"\n/usr/share/%%41+~^,=@'),
        ("doc", "", "%doc /usr/share/doc/x/README\n%attr(0600, root, root) /etc/x.conf"),
        ("many", "", "/many"),
        ("unbuilt", "", None),
    ]
    return spec("files", packages, install=install)


def version_spec():
    lines = [
        (f"Epoch: {epoch}\n" if epoch else "") + f"Version: {version}\nRelease: {release}"
        for epoch, version, release in EVRS
    ]
    packages = [(f"evr{number}", text, "") for number, text in enumerate(lines)]
    return spec("versions", packages, head="Epoch: 7")


def text_spec():
    head = "Vendor: Über & Söhne <x>\nPackager: 'Ann' \"B\" <c@d>\nGroup: Développement/Бібліотеки\nSource0: text.txt\nNoSource: 0\n"
    head += "Summary(de): Auf Deutsch\nExclusiveArch: x86_64 aarch64\nExcludeArch: s390x\n"
    packages = [
        ("chars", "Group: a & b\nSummary(fr): En français", ""),
        ("noarch", "BuildArch: noarch\nProvides: text(ünï) = 1\nVendor: other", ""),
    ]
    changes = "\n\n".join(
        f"{change(day)}\n- ä → 😀 <&> {day}\n- second line\n\n  indented" for day in range(31, 0, -1)
    )
    return spec("texts", packages, head=head, changelog=changes)


def small_specs():
    """Yields (spec, more arguments) of packages that differ in what holds for a whole build."""
    for name, days in DATES.items():
        entries = "\n\n".join(f"{change(day, number)}\n- change {number}" for number, day in enumerate(days))
        yield spec(f"changes-{name}", [("sub", "BuildArch: noarch", "")], changelog=entries), []
    for number, payload in enumerate(PAYLOADS):
        install = "mkdir -p %{buildroot}/usr/share; seq 2000 > %{buildroot}/usr/share/numbers"
        text = spec(f"payload-{number}", [("data", "", "/usr/share/numbers")], install=install)
        yield text, ["--define", f"_binary_payload {payload}", "--define", f"_source_payload {payload}"]
    for arch in ("i686", "aarch64", "noarch", "ppc64le"):
        yield spec(f"arch-{arch}", [("a", "", ""), ("b", "Requires: a", "")]), ["--target", f"{arch}-linux"]
    many = [
        (f"p{number:02}", f"Provides: bulk({number})\nRequires: bulk({number // 2}) >= 1", "")
        for number in range(30)
    ]
    yield spec("bulk", many), []
    # What no policy of today's rpmbuild lets pass: text in Latin-1.
    latin1 = spec("latin1", [("sub", "Vendor: Müller", "")], changelog=change(5) + "\n- größer")
    yield latin1.encode("latin-1", "replace"), ["--define", "_invalid_encoding_terminates_build 0"]


def build(number, text, arguments, work, out):
    """Runs rpmbuild on one spec, binary and source packages."""
    top = work / f"build{number:02}"
    (top / "SOURCES").mkdir(parents=True)
    (top / "SOURCES" / "text.txt").write_text("not shipped\n")
    path = top / "package.spec"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    defines = {
        "_topdir": top,
        "_rpmdir": out,
        "_srcrpmdir": out,
        "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        "_buildhost": "builder.example.org",
        "use_source_date_epoch_as_buildtime": "1",
        "_build_id_links": "none",
        "clamp_mtime_to_source_date_epoch": "1",
        "debug_package": "%{nil}",
        "__os_install_post": "%{nil}",
        "_target_os": "linux",
    }
    command = [os.environ.get("TANNERY_PEERS_RPMBUILD", "rpmbuild"), "-ba", "--quiet", "--nodeps"]
    for key, value in defines.items():
        command += ["--define", f"{key} {value}"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1600000000", "LC_ALL": "C.UTF-8", "HOME": str(work)}
    done = subprocess.run(
        [*command, *arguments, str(path)], env=environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode != 0:
        raise RuntimeError(f"rpmbuild of spec {number} failed:\n{done.stdout}{done.stderr}")


def build_all(out):
    """Builds every spec; returns how many RPM files there are then."""
    specs = [(text, []) for text in (dependency_spec(), file_spec(), version_spec(), text_spec())] + list(
        small_specs()
    )
    with tempfile.TemporaryDirectory() as directory:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            jobs = [
                pool.submit(build, number, *job, pathlib.Path(directory), out)
                for number, job in enumerate(specs)
            ]
            for job in jobs:
                job.result()
    return len(list(out.glob("*.rpm")))


def sign(original, out):
    """Writes signed copies of a package, each into a directory named by its key's short id."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "GNUPGHOME": home}
        run = lambda *command: subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout
        for number, algorithm in enumerate(["rsa2048", "ed25519"]):
            user = f"key{number}@example.org"
            run(
                "gpg", "--batch", "--passphrase", "", "--quick-generate-key", user, algorithm, "sign", "never"
            )
            listing = run("gpg", "--with-colons", "--list-keys", user)
            key = next(line.split(":")[4] for line in listing.splitlines() if line.startswith("pub"))
            copy = out / key[-8:].lower() / original.name
            copy.parent.mkdir()
            shutil.copyfile(original, copy)
            run(
                "rpmsign",
                "--define",
                f"_gpg_name {user}",
                "--define",
                "__gpg /usr/bin/gpg",
                "--addsign",
                str(copy),
            )
        run("gpgconf", "--kill", "all")


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--signed"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    out = pathlib.Path(arguments[0]).absolute()
    out.mkdir()
    built = build_all(out)
    made = handmade.write(out)
    if "--signed" in sys.argv:
        sign(out / "bulk-p00-1-1.x86_64.rpm", out)
    print(f"{built} built by rpmbuild, {made} made by hand")


if __name__ == "__main__":
    main()
