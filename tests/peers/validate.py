"""Validates a JSON value against a JSON Schema (draft 7), as a stock library does.

    validate.py SCHEMA < value

Status 1: it does not validate; each complaint is a line of standard error.
"""

import json
import sys

import jsonschema


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    complaints = list(jsonschema.Draft7Validator(schema).iter_errors(json.load(sys.stdin)))
    for complaint in complaints:
        print(f"{complaint.json_path}: {complaint.message}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
