"""Compares two repositories as createrepo_c's own Python bindings read them.

    parity.py EXPECTED ACTUAL

Packages are matched by digest, in any order; every attribute that the bindings have on a package
must be equal, but for the time of the file and the location. Prints each difference; exits with 1
if there is any, and with 2 if a repository has no package at all.
"""

import sys

import createrepo_c

from bindings import attributes

IGNORED = {"time_file", "location_href", "location_base", "copy"}
SHOWN = 40


def packages(path):
    """Returns the packages of a repository by digest; one that is listed twice stands there twice."""
    found = {}
    for package in createrepo_c.RepositoryReader.from_path(path).iter_packages():
        found.setdefault(package.pkgId, []).append(attributes(package, IGNORED))
    return found


def differences(expected, actual):
    """Yields a line per difference."""
    for digest in sorted(expected.keys() | actual.keys()):
        ours, theirs = actual.get(digest, []), expected.get(digest, [])
        if len(ours) != len(theirs):
            name = (ours + theirs)[0]["nevra"]
            yield f"{name}: listed {len(theirs)} times in the expected repository, {len(ours)} times in the actual one"
            continue
        for wanted, found in zip(theirs, ours):
            for name in sorted(wanted.keys() | found.keys()):
                if wanted.get(name) != found.get(name):
                    yield f"{wanted['nevra']}: {name}\n  expected {wanted.get(name)!r}\n  actual   {found.get(name)!r}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    expected, actual = packages(sys.argv[1]), packages(sys.argv[2])
    if not expected or not actual:
        print("a repository without packages proves nothing")
        sys.exit(2)
    found = list(differences(expected, actual))
    for line in found[:SHOWN]:
        print(line)
    count = sum(len(same) for same in expected.values())
    fields = len(next(iter(expected.values()))[0])
    print(f"{count} packages, {fields} attributes each: {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
