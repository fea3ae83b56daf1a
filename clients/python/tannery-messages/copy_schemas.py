"""Copies the schemas of docs/messages, which are the only ones written by hand, into the package.

    copy_schemas.py [--check]

With --check nothing is written; the status is 1 where the package has others.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
WRITTEN = HERE.parents[2] / "docs" / "messages"
COPIES = HERE / "src" / "tannery_messages" / "schemas"


def files(directory):
    """Returns the schemas in a directory: their bytes by name."""
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*.json"))}


def main():
    written, copies = files(WRITTEN), files(COPIES)
    if not written:
        sys.exit(f"{WRITTEN} holds no schema")
    if written == copies:
        return
    if "--check" in sys.argv[1:]:
        names = sorted(name for name in written.keys() | copies.keys() if written.get(name) != copies.get(name))
        sys.exit(f"not as in docs/messages: {', '.join(names)}; run {HERE.name}/copy_schemas.py")
    for name in copies.keys() - written.keys():
        (COPIES / name).unlink()
    for name, text in written.items():
        (COPIES / name).write_bytes(text)


if __name__ == "__main__":
    main()
