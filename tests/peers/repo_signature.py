"""Prints what tells one repository's bytes from another's, for comparing two.

    repo_signature.py DIRECTORY

The first line is the digest of the lines after it. Those are the SHA-256 and the name of
repomd.xml, with revision and timestamps blanked, and of every file it names, in its order. Files
of earlier generations, which repomd.xml no longer names, are left out.
"""

import hashlib
import re
import sys

import repository


def blanked(repomd):
    """Returns repomd.xml without what may differ between equal repositories."""
    return re.sub(rb"<(revision|timestamp)>[^<]*</\1>", rb"<\1></\1>", repomd)


def lines(source):
    repomd = source.get("repodata/repomd.xml")
    yield "repodata/repomd.xml", blanked(repomd)
    for record in repository.parse_repomd(repomd):
        yield record.href, source.get(record.href)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        found = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in lines(repository.Directory(sys.argv[1]))]
    except repository.Broken as error:
        print(error, file=sys.stderr)
        return 1
    print(hashlib.sha256("\n".join(found).encode()).hexdigest())
    print("\n".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
