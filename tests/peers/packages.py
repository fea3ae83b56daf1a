"""Reads a repository whole, its packages too, and prints their digests.

    packages.py URL_OR_DIRECTORY

Prints one JSON object: by NAME-EPOCH:VERSION-RELEASE.ARCH the SHA-256 of the file. Status 1, and what is wrong on
standard error, where anything does not fit.
"""

import json
import sys

import read_repo
import repository


def main():
    base = sys.argv[1]
    source = read_repo.Http(base) if "://" in base else repository.Directory(base)
    try:
        found = repository.whole_read(source)
        for package in found.packages:
            repository.check_package(source, package)
    except (repository.Broken, read_repo.Excused) as error:
        sys.exit(str(error))
    nevra = "{0.name}-{0.epoch}:{0.version}-{0.release}.{0.arch}".format
    print(json.dumps({nevra(package): package.pkgId for package in found.packages}, sort_keys=True))


if __name__ == "__main__":
    main()
