"""Reads repositories whole, their packages too, and prints their digests.

    packages.py < URLS_OR_DIRECTORIES

Standard input names one a line. For each, a line with a JSON object: by NAME-EPOCH:VERSION-RELEASE.ARCH the SHA-256 of
the file. Status 1, and what is wrong on standard error, where anything does not fit.
"""

import json
import sys

import read_repo
import repository


def packages(base):
    """Returns the digests of all packages of a repository, by name."""
    source = read_repo.Http(base) if "://" in base else repository.Directory(base)
    found = repository.whole_read(source)
    for package in found.packages:
        repository.check_package(source, package)
    nevra = "{0.name}-{0.epoch}:{0.version}-{0.release}.{0.arch}".format
    return {nevra(package): package.pkgId for package in found.packages}


def main():
    for line in sys.stdin:
        try:
            print(json.dumps(packages(line.rstrip("\n")), sort_keys=True), flush=True)
        except (repository.Broken, read_repo.Excused) as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
