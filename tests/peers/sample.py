"""Makes small real packages, repositories and composes with the field's own tools, to try the checkers on.

    sample.py repository DIRECTORY     two packages and their source, with createrepo_c's metadata
    sample.py compose DIRECTORY        the same as a compose, with productmd's metadata
"""

import os
import shutil
import subprocess
import sys
import tempfile

import createrepo_c
import productmd.composeinfo
import productmd.discinfo
import productmd.rpms
import productmd.treeinfo

SPEC = """
Name: hello
Version: 1.0
Release: 1
Summary: A greeting
License: MIT
BuildArch: noarch
Requires: hello-data = %{version}-%{release}
%description
Greets.
%package data
Summary: What is said
%description data
Says.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/hello
echo greeting > %{buildroot}/usr/bin/hello
echo text > %{buildroot}/usr/share/hello/text
%files
/usr/bin/hello
%files data
/usr/share/hello
"""


def build(directory):
    """Builds the packages; returns the paths of the binary ones and of the source."""
    spec = os.path.join(directory, "hello.spec")
    with open(spec, "w", encoding="utf-8") as file:
        file.write(SPEC)
    tool = os.environ.get("TANNERY_PEERS_RPMBUILD", "rpmbuild")
    subprocess.run([tool, "--quiet", "-ba", "--define", f"_topdir {directory}", spec], check=True, stdout=sys.stderr)
    found = [os.path.join(folder, file) for folder, _, files in os.walk(directory) for file in files]
    rpms = sorted(path for path in found if path.endswith(".rpm"))
    return [path for path in rpms if not path.endswith(".src.rpm")], [path for path in rpms if path.endswith(".src.rpm")]


def fill(directory, rpms):
    """Copies packages below a repository and writes its metadata."""
    packages = os.path.join(directory, "Packages")
    os.makedirs(packages)
    for rpm in rpms:
        shutil.copy(rpm, packages)
    tool = os.environ["TANNERY_PEERS_CREATEREPO"]
    subprocess.run([tool, "--quiet", "--general-compress-type=zstd", directory], check=True)


def make_repository(directory):
    with tempfile.TemporaryDirectory() as work:
        binary, source = build(work)
        fill(directory, binary + source)


def describe(rpms, top, variant, tree, category):
    """Enters the packages of one repository into rpms.json."""
    for file in sorted(os.listdir(os.path.join(top, tree, "Packages"))):
        path = os.path.join(tree, "Packages", file)
        package = createrepo_c.package_from_rpm(os.path.join(top, path))
        nevra = f"{package.name}-{package.epoch}:{package.version}-{package.release}.{package.arch}"
        source = None if category == "source" else "hello-0:1.0-1.src"
        rpms.add(variant, "x86_64", nevra, path, None, category, source)


def write_tree(top, tree, arch):
    directory = os.path.join(top, tree)
    treeinfo = productmd.treeinfo.TreeInfo()
    treeinfo.release.name, treeinfo.release.short, treeinfo.release.version = "Sample", "Sample", "1"
    treeinfo.tree.arch, treeinfo.tree.build_timestamp = arch, 1
    variant = productmd.treeinfo.Variant(treeinfo)
    variant.id = variant.uid = variant.name = "Everything"
    variant.type = "variant"
    variant.paths.packages, variant.paths.repository = "Packages", "."
    treeinfo.variants.add(variant)
    treeinfo.checksums.add("repodata/repomd.xml", "sha256", root_dir=directory)
    treeinfo.dump(os.path.join(directory, ".treeinfo"))
    disc = productmd.discinfo.DiscInfo()
    disc.timestamp, disc.description, disc.arch, disc.disc_numbers = 1.0, "Sample 1", arch, ["ALL"]
    disc.dump(os.path.join(directory, ".discinfo"))
    with open(os.path.join(directory, "media.repo"), "w", encoding="utf-8") as file:
        file.write("[InstallMedia]\nname=Sample 1\nmediaid=1.0\nmetadata_expire=-1\ngpgcheck=0\ncost=500\n")


def make_compose(directory):
    top = os.path.join(directory, "compose")
    trees = {"os_tree": "Everything/x86_64/os", "source_tree": "Everything/source/tree"}
    with tempfile.TemporaryDirectory() as work:
        binary, source = build(work)
        fill(os.path.join(top, trees["os_tree"]), binary)
        fill(os.path.join(top, trees["source_tree"]), source)
    info = productmd.composeinfo.ComposeInfo()
    info.release.name, info.release.short, info.release.version = "Sample", "Sample", "1"
    info.release.type = "ga"
    info.compose.id, info.compose.type = "Sample-1-20260101.0", "production"
    info.compose.date, info.compose.respin = "20260101", 0
    variant = productmd.composeinfo.Variant(info)
    variant.id = variant.uid = variant.name = "Everything"
    variant.type, variant.arches = "variant", {"x86_64"}
    variant.paths.os_tree["x86_64"] = variant.paths.repository["x86_64"] = trees["os_tree"]
    variant.paths.source_tree["x86_64"] = variant.paths.source_repository["x86_64"] = trees["source_tree"]
    variant.paths.packages["x86_64"] = trees["os_tree"] + "/Packages"
    info.variants.add(variant)
    rpms = productmd.rpms.Rpms()
    rpms.compose.id, rpms.compose.type = info.compose.id, info.compose.type
    rpms.compose.date, rpms.compose.respin = info.compose.date, info.compose.respin
    describe(rpms, top, "Everything", trees["os_tree"], "binary")
    describe(rpms, top, "Everything", trees["source_tree"], "source")
    os.makedirs(os.path.join(top, "metadata"))
    info.dump(os.path.join(top, "metadata", "composeinfo.json"))
    rpms.dump(os.path.join(top, "metadata", "rpms.json"))
    write_tree(top, trees["os_tree"], "x86_64")
    write_tree(top, trees["source_tree"], "src")
    for name, text in (("COMPOSE_ID", info.compose.id), ("STATUS", "FINISHED\n")):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)


def main():
    makers = {"repository": make_repository, "compose": make_compose}
    if len(sys.argv) != 3 or sys.argv[1] not in makers:
        print(__doc__, file=sys.stderr)
        return 2
    makers[sys.argv[1]](sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
