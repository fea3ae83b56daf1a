"""Reads a repository as strictly as it can be read: every checksum, size and count must fit.

A source fetches paths below one base; `whole_read` takes a repository from a source. What is wrong
with the repository itself is a `Broken`.
"""

import hashlib
import os
import re
import tempfile
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

import createrepo_c

REPO = "{http://linux.duke.edu/metadata/repo}"
CHECKSUMS = {"sha224", "sha256", "sha384", "sha512"}


class Broken(Exception):
    """What a reader of the repository would stumble over."""


class Directory:
    """Fetches from a directory. Nothing is excused there: a file that is not there is broken."""

    def __init__(self, base):
        self.base = base

    def get(self, path):
        try:
            with open(os.path.join(self.base, path), "rb") as file:
                return file.read()
        except OSError as error:
            raise Broken(f"{path}: {error.strerror}") from error


@dataclass
class Record:
    """One entry of repomd.xml."""

    kind: str
    href: str
    checksum: tuple
    size: int
    open_checksum: tuple | None
    open_size: int | None


@dataclass
class Repository:
    """What one whole read found."""

    repomd: bytes
    records: list
    packages: list = field(default_factory=list)


def safe(href):
    """Returns a location, unless it leads out of the repository."""
    if not href or href.startswith("/") or ".." in href.split("/") or urllib.parse.urlsplit(href).scheme:
        raise Broken(f"location {href!r} leads out of the repository")
    return href


def digest_of(element, what):
    kind = element.get("type")
    if kind not in CHECKSUMS:
        raise Broken(f"{what}: checksum type {kind!r}")
    return kind, element.text


def number(element):
    return None if element is None else int(element.text)


def parse_repomd(data):
    """Returns the records of a repomd.xml, in its order."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise Broken(f"repomd.xml: {error}") from error
    records = []
    for entry in root.findall(f"{REPO}data"):
        kind = entry.get("type")
        opened = entry.find(f"{REPO}open-checksum")
        records.append(
            Record(
                kind=kind,
                href=safe(entry.find(f"{REPO}location").get("href")),
                checksum=digest_of(entry.find(f"{REPO}checksum"), kind),
                size=number(entry.find(f"{REPO}size")),
                open_checksum=None if opened is None else digest_of(opened, kind),
                open_size=number(entry.find(f"{REPO}open-size")),
            )
        )
    kinds = [record.kind for record in records]
    for kind in ("primary", "filelists", "other"):
        if kinds.count(kind) != 1:
            raise Broken(f"repomd.xml names {kinds.count(kind)} {kind} files")
    return records


def verify(what, data, checksum, size):
    """Holds bytes against a checksum and a size, either of which may be unknown."""
    if size is not None and len(data) != size:
        raise Broken(f"{what}: {len(data)} bytes, not {size}")
    if checksum is not None:
        kind, wanted = checksum
        found = hashlib.new(kind, data).hexdigest()
        if found != wanted:
            raise Broken(f"{what}: {kind} {found}, not {wanted}")


def opened(record, data, work):
    """Returns the path of a data file's uncompressed text."""
    packed = os.path.join(work, os.path.basename(record.href))
    plain = os.path.join(work, record.kind + ".plain")
    with open(packed, "wb") as file:
        file.write(data)
    try:
        createrepo_c.decompress_file(packed, plain, createrepo_c.AUTO_DETECT_COMPRESSION)
    except createrepo_c.CreaterepoCError as error:
        raise Broken(f"{record.href}: {error}") from error
    with open(plain, "rb") as file:
        verify(f"{record.href}, opened", file.read(), record.open_checksum, record.open_size)
    return plain


def parse_packages(kind, path):
    """Returns the packages of one opened metadata file; the count it states must be true."""
    packages, complaints = [], []

    def package(found):
        packages.append(found)

    def shell(pkg_id, name, arch):
        made = createrepo_c.Package()
        made.pkgId, made.name, made.arch = pkg_id, name, arch
        return made

    def warning(_kind, text):
        complaints.append(text)
        return True

    try:
        if kind == "primary":
            createrepo_c.xml_parse_primary(path, None, package, warning, True)
        elif kind == "filelists":
            createrepo_c.xml_parse_filelists(path, shell, package, warning)
        else:
            createrepo_c.xml_parse_other(path, shell, package, warning)
    except createrepo_c.CreaterepoCError as error:
        raise Broken(f"{kind}: {error}") from error
    if complaints:
        raise Broken(f"{kind}: {complaints[0]}")
    with open(path, "rb") as file:
        stated = re.search(rb'\bpackages="(\d+)"', file.read(1000))
    if stated is None or int(stated.group(1)) != len(packages):
        raise Broken(f"{kind}: {len(packages)} packages, not {stated and stated.group(1).decode()}")
    return packages


def whole_read(source):
    """Reads repomd.xml and all that it names. The packages are primary's, in its order."""
    repomd = source.get("repodata/repomd.xml")
    repository = Repository(repomd, parse_repomd(repomd))
    ids = {}
    with tempfile.TemporaryDirectory(prefix="tannery-read.") as work:
        for record in repository.records:
            data = source.get(record.href)
            verify(record.href, data, record.checksum, record.size)
            if record.kind not in ("primary", "filelists", "other"):
                continue
            packages = parse_packages(record.kind, opened(record, data, work))
            ids[record.kind] = [package.pkgId for package in packages]
            if record.kind == "primary":
                repository.packages = packages
    for kind in ("filelists", "other"):
        if ids[kind] != ids["primary"]:
            raise Broken(f"{kind} has other packages than primary, or another order")
    return repository


def check_package(source, package):
    """Fetches a package and holds it against what primary says of it. Returns its bytes."""
    if package.location_base:
        raise Broken(f"{package.nevra()}: its base is {package.location_base!r}")
    href = safe(package.location_href)
    data = source.get(href)
    verify(href, data, (package.checksum_type, package.pkgId), package.size_package)
    return data
