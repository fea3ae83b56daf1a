"""Reads repositories by createrepo_c's own bindings and prints what they say, as JSON.

    createrepo.py DIRECTORY...

One line per repository: `packages` (every attribute of every package, sorted by location and digest),
`records` (by type: checksum types, name of the file without checksum, whether sums and sizes are those of
the file), `revision`, `tags`. Fails where the three files list packages in different orders.
"""

import hashlib
import json
import os
import re
import sys

import createrepo_c

from bindings import attributes


def record(directory, data):
    """Returns what is told of one record, and whether it is true."""
    path = os.path.join(directory, data.location_href)
    with open(path, "rb") as file:
        content = file.read()
    again = createrepo_c.RepomdRecord(data.type, path)
    again.fill(createrepo_c.checksum_type(data.checksum_type))
    told = {
        "checksum": hashlib.new(data.checksum_type, content).hexdigest() == data.checksum,
        "size": len(content) == data.size,
    }
    if data.checksum_open:
        opened = os.path.getsize(path) if again.size_open < 0 else again.size_open
        told["open"] = (data.checksum_open, data.size_open) == (again.checksum_open, opened)
    name = re.sub("^[0-9a-f]{32,}-", "", os.path.basename(path))
    return {
        "name": name,
        "types": [data.checksum_type, data.checksum_open_type],
        "true": told,
        "named_by_checksum": os.path.basename(path) == f"{data.checksum}-{name}",
        "timestamp": data.timestamp,
        "mtime": int(os.stat(path).st_mtime),
    }


def repository(directory):
    repomd = createrepo_c.Repomd(os.path.join(directory, "repodata", "repomd.xml"))
    reader = createrepo_c.RepositoryReader.from_path(directory)
    packages = [attributes(package) for package in reader.iter_packages()]
    packages.sort(key=lambda package: (package["location_href"], package["pkgId"]))
    return {
        "packages": packages,
        "records": {data.type: record(directory, data) for data in repomd.records},
        "revision": repomd.revision,
        "tags": [repomd.content_tags, repomd.repo_tags, repomd.distro_tags],
    }


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for directory in sys.argv[1:]:
        print(json.dumps(repository(directory), default=str))


if __name__ == "__main__":
    main()
