"""Writes a repository of packages that exist in metadata only, for merging.

listed.py DIRECTORY PACKAGE...

PACKAGE is NAME,EPOCH,VERSION,ARCH,SOURCE[,BASE]: SOURCE is the file name of the source RPM, BASE an xml:base.
"""

import hashlib
import os
import sys

import createrepo_c

FILES = {
    "primary": createrepo_c.PrimaryXmlFile,
    "filelists": createrepo_c.FilelistsXmlFile,
    "other": createrepo_c.OtherXmlFile,
}


def package(directory, text):
    """Returns the package that a text describes."""
    name, epoch, version, arch, source, base = (text.split(",") + [""])[:6]
    found = createrepo_c.Package()
    found.name, found.epoch, found.version, found.release, found.arch = name, epoch, version, "1", arch
    found.pkgId = hashlib.sha256(f"{directory} {text}".encode()).hexdigest()
    found.checksum_type, found.summary, found.description, found.url = "sha256", f"{name} & more", "<d>\n", ""
    found.time_file, found.time_build = 1_700_000_000, 1_600_000_000
    found.size_package, found.size_installed, found.size_archive = 1_000, 2_000, 3_000
    found.location_href = f"{name[0]}/{name}-{version}-1.{arch}.rpm"
    if base:
        found.location_base = base
    found.rpm_license, found.rpm_sourcerpm, found.rpm_buildhost = "MIT", source, "host"
    found.rpm_header_start, found.rpm_header_end = 280, 4_000
    found.provides = [(name, "EQ", epoch, version, "1", False)]
    found.requires = [("/bin/sh", None, None, None, None, True)]
    found.files = [(None, "/usr/bin/", name), ("dir", "/usr/share/", name)]
    found.changelogs = [("Ann <ann@example.org> - 1-1", 1_500_000_000, "- first")]
    return found


def main(directory, *texts):
    """Writes primary, filelists, other and repomd.xml."""
    repodata = os.path.join(directory, "repodata")
    os.makedirs(repodata)
    packages = [package(os.path.basename(directory), text) for text in texts]
    repomd = createrepo_c.Repomd()
    for kind, make in FILES.items():
        path = os.path.join(repodata, f"{kind}.xml.gz")
        file = make(path)
        file.set_num_of_pkgs(len(packages))
        for one in packages:
            file.add_pkg(one)
        file.close()
        record = createrepo_c.RepomdRecord(kind, path)
        record.fill(createrepo_c.SHA256)
        repomd.set_record(record)
    with open(os.path.join(repodata, "repomd.xml"), "w", encoding="utf-8") as file:
        file.write(repomd.xml_dump())


if __name__ == "__main__":
    main(*sys.argv[1:])
