"""Compares two merged repositories as createrepo_c's own Python bindings read them.

merge_parity.py EXPECTED ACTUAL

Every attribute of every package must be equal, its location too; so must the lists of origins, and the groups. The
order of packages and of origins is free. Prints each difference, and the number of packages; exits with 1 if
there is any difference, and with 2 if there is no package.
"""

import gzip
import sys

import createrepo_c
import zstandard

from bindings import attributes


def opened(path):
    """Returns what a file holds, uncompressed."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if path.endswith(".zst") else data


def read(path):
    """Returns packages, origins and groups of a repository."""
    records = {record.type: f"{path}/{record.location_href}" for record in createrepo_c.Repomd(f"{path}/repodata/repomd.xml").records}
    packages = [attributes(one) for one in createrepo_c.RepositoryReader.from_path(path).iter_packages()]
    packages.sort(key=lambda one: (one["nevra"], one["location_base"] or "", one["location_href"], one["pkgId"]))
    with gzip.open(records["origin"]) as file:
        origins = sorted(file.read().decode().splitlines())
    groups = None
    if "group" in records:
        groups = opened(records["group"])
    return packages, origins, groups


def differences(expected, actual):
    """Yields a line for each difference."""
    names = [[one["nevra"] for one in packages] for packages in (expected[0], actual[0])]
    if names[0] != names[1]:
        yield f"packages\n  expected {names[0]}\n  actual   {names[1]}"
        return
    for wanted, found in zip(expected[0], actual[0]):
        for name in wanted:
            if wanted[name] != found[name]:
                yield f"{wanted['nevra']}: {name}\n  expected {wanted[name]!r}\n  actual   {found[name]!r}"
    for name, wanted, found in zip(("origins", "groups"), expected[1:], actual[1:]):
        if wanted != found:
            yield f"{name}\n  expected {wanted}\n  actual   {found}"


def main(expected, actual):
    """Compares, and says what differs."""
    expected, actual = read(expected), read(actual)
    found = list(differences(expected, actual))
    print("\n".join(found + [f"{len(expected[0])} packages"]))
    sys.exit(1 if found else 0 if expected[0] else 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
