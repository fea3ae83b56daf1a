"""Holds a compose tree against what its metadata says, read by productmd and createrepo_c.

    productmd_check.py COMPOSE_DIRECTORY

productmd itself checks the shape of the metadata only; here every path that they name must exist,
every .treeinfo checksum must fit, the RPMs of rpms.json must be exactly those of the repositories,
with the checksums and sizes stated there, and no RPM of the tree may be left unnamed. Prints counts
as JSON. Status 1: problems, one a line on standard error.
"""

import collections
import configparser
import hashlib
import json
import os
import sys

import productmd.common
import productmd.compose
import productmd.discinfo
import productmd.treeinfo
import repository

STATES = {"STARTED", "FINISHED", "FINISHED_INCOMPLETE", "DOOMED", "TERMINATED"}
REPOSITORY_OF = {"binary": "repository", "debug": "debug_repository", "source": "source_repository"}


class Check:
    """Collects counts and problems of one compose."""

    def __init__(self, directory):
        self.directory = directory
        self.compose = productmd.compose.Compose(directory)
        self.top = self.compose.compose_path
        self.counts = collections.Counter(variants=0, paths=0, rpms=0, repositories=0, treeinfos=0, checksums=0)
        self.problems = []

    def problem(self, text):
        self.problems.append(text)

    def exists(self, path, what):
        """Counts a path below the compose; it must exist and must not lead out of it."""
        self.counts["paths"] += 1
        full = os.path.normpath(os.path.join(self.top, path))
        if os.path.isabs(path) or not full.startswith(os.path.normpath(self.top) + os.sep):
            self.problem(f"{what}: {path} leads out of the compose")
        elif not os.path.exists(full):
            self.problem(f"{what}: {path} does not exist")

    def run(self):
        self.check_identity()
        trees = self.check_paths()
        named = self.check_rpms()
        self.check_unnamed(named)
        for tree, arch in sorted(trees.items()):
            self.check_tree(tree, arch)

    def text(self, path):
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            self.problem(f"{path}: {error.strerror}")
            return ""

    def check_identity(self):
        """COMPOSE_ID, STATUS and composeinfo.json must speak of one compose."""
        compose_id = self.text(os.path.join(self.directory, "COMPOSE_ID")).strip()
        if compose_id != self.compose.info.compose.id:
            self.problem(f"COMPOSE_ID is {compose_id!r}, composeinfo says {self.compose.info.compose.id!r}")
        state = self.text(os.path.join(self.directory, "STATUS")).strip()
        if state not in STATES:
            self.problem(f"STATUS is {state!r}")
        if self.compose.rpms.compose.id != self.compose.info.compose.id:
            self.problem(f"rpms.json is of compose {self.compose.rpms.compose.id!r}")

    def check_paths(self):
        """Holds composeinfo's paths against the tree; returns the trees that need a .treeinfo."""
        trees = {}
        for variant in self.compose.info.variants.get_variants(recursive=True):
            self.counts["variants"] += 1
            for kind in variant.paths._fields:
                for arch, path in sorted(getattr(variant.paths, kind).items()):
                    self.exists(path, f"composeinfo {variant.uid}.{arch} {kind}")
                    if kind == "os_tree":
                        trees[path] = arch
                    elif kind == "source_tree":
                        trees[path] = "src"
        if not trees:
            self.problem("composeinfo names no tree")
        return trees

    def check_rpms(self):
        """Holds rpms.json against the repositories; returns all paths that it names."""
        variants = {variant.uid: variant for variant in self.compose.info.variants.get_variants(recursive=True)}
        wanted = {}
        for variant in variants.values():
            for kind in REPOSITORY_OF.values():
                for path in getattr(variant.paths, kind).values():
                    wanted.setdefault(path, {})
        named = set()
        for uid, arches in self.compose.rpms.rpms.items():
            if uid not in variants:
                self.problem(f"rpms.json: variant {uid} is not in composeinfo")
                continue
            for arch, sources in arches.items():
                for source, rpms in sources.items():
                    for nevra, rpm in rpms.items():
                        self.counts["rpms"] += 1
                        self.exists(rpm["path"], f"rpms.json {nevra}")
                        named.add(os.path.normpath(rpm["path"]))
                        home = getattr(variants[uid].paths, REPOSITORY_OF[rpm["category"]]).get(arch)
                        if home is None:
                            self.problem(f"rpms.json {nevra}: {uid}.{arch} has no {rpm['category']} repository")
                        else:
                            wanted[home][os.path.normpath(rpm["path"])] = (nevra, source)
        for path, packages in sorted(wanted.items()):
            self.check_repository(path, packages)
        return named

    def check_repository(self, path, wanted):
        """The repository's packages must be the wanted ones, and each as the repository says."""
        self.counts["repositories"] += 1
        source = repository.Directory(os.path.join(self.top, path))
        try:
            found = repository.whole_read(source)
        except repository.Broken as error:
            self.problem(f"{path}: {error}")
            return
        seen = set()
        for package in found.packages:
            location = os.path.normpath(os.path.join(path, package.location_href))
            seen.add(location)
            try:
                repository.check_package(source, package)
            except repository.Broken as error:
                self.problem(f"{path}: {error}")
            if location not in wanted:
                self.problem(f"{path}: {location} is not in rpms.json")
                continue
            self.check_names(location, package, *wanted[location])
        for location in sorted(set(wanted) - seen):
            self.problem(f"rpms.json names {location}, which is not in {path}")

    def check_names(self, location, package, nevra, source):
        arch = package.arch
        spoken = f"{package.name}-{package.epoch}:{package.version}-{package.release}.{arch}"
        # A nosrc package is `src` in a repository and `nosrc` in rpms.json.
        if nevra.replace(".nosrc", ".src") != spoken:
            self.problem(f"{location}: rpms.json says {nevra}, the repository {spoken}")
        stated = productmd.common.parse_nvra(package.rpm_sourcerpm or package.location_href)
        known = productmd.common.parse_nvra(source)
        if any(stated[part] != known[part] for part in ("name", "version", "release")):
            self.problem(f"{location}: rpms.json puts it below {source}, its header says {package.rpm_sourcerpm}")

    def check_unnamed(self, named):
        for folder, _, files in os.walk(self.top):
            for file in sorted(files):
                path = os.path.relpath(os.path.join(folder, file), self.top)
                if file.endswith(".rpm") and path not in named:
                    self.problem(f"{path} is in the tree and not in rpms.json")

    def check_tree(self, tree, arch):
        """.treeinfo, .discinfo and media.repo of one tree."""
        directory = os.path.join(self.top, tree)
        self.check_treeinfo(tree, directory, arch)
        disc = productmd.discinfo.DiscInfo()
        try:
            disc.load(os.path.join(directory, ".discinfo"))
        except (OSError, ValueError, IndexError) as error:
            self.problem(f"{tree}/.discinfo: {error}")
            return
        if disc.arch != arch:
            self.problem(f"{tree}/.discinfo: arch {disc.arch}, not {arch}")
        self.check_media(tree, directory)

    def check_treeinfo(self, tree, directory, arch):
        info = productmd.treeinfo.TreeInfo()
        try:
            info.load(os.path.join(directory, ".treeinfo"))
        except (OSError, ValueError, configparser.Error) as error:
            self.problem(f"{tree}/.treeinfo: {error}")
            return
        self.counts["treeinfos"] += 1
        if info.tree.arch != arch:
            self.problem(f"{tree}/.treeinfo: arch {info.tree.arch}, not {arch}")
        release = self.compose.info.release
        if (info.release.short, info.release.version) != (release.short, release.version):
            self.problem(f"{tree}/.treeinfo: release {info.release.short}-{info.release.version}")
        for variant in info.variants.get_variants(recursive=True):
            for kind in variant.paths._fields:
                path = getattr(variant.paths, kind)
                if path:
                    self.exists(os.path.normpath(os.path.join(tree, path)), f"{tree}/.treeinfo {kind}")
        for images in info.images.images.values():
            for path in images.values():
                self.exists(os.path.join(tree, path), f"{tree}/.treeinfo image")
        for path in filter(None, (info.stage2.mainimage, info.stage2.instimage)):
            self.exists(os.path.join(tree, path), f"{tree}/.treeinfo stage2")
        for path, (kind, wanted) in sorted(info.checksums.checksums.items()):
            self.check_checksum(tree, directory, path, kind, wanted)

    def check_checksum(self, tree, directory, path, kind, wanted):
        self.counts["checksums"] += 1
        try:
            with open(os.path.join(directory, path), "rb") as file:
                found = hashlib.new(kind, file.read()).hexdigest()
        except (OSError, ValueError) as error:
            self.problem(f"{tree}/.treeinfo: {path}: {error}")
            return
        if found != wanted:
            self.problem(f"{tree}/.treeinfo: {path} has {kind} {found}, not {wanted}")

    def check_media(self, tree, directory):
        """media.repo must name the very disc that .discinfo names."""
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(self.text(os.path.join(directory, "media.repo")))
            media = parser["InstallMedia"]["mediaid"]
        except (configparser.Error, KeyError) as error:
            self.problem(f"{tree}/media.repo: {type(error).__name__}: {error}")
            return
        disc = self.text(os.path.join(directory, ".discinfo")).splitlines()[0].strip()
        if media != disc:
            self.problem(f"{tree}/media.repo: mediaid {media}, .discinfo says {disc}")


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    check = Check(sys.argv[1])
    check.run()
    print(json.dumps(check.counts, sort_keys=True))
    for problem in check.problems:
        print(problem, file=sys.stderr)
    return 1 if check.problems else 0


if __name__ == "__main__":
    sys.exit(main())
