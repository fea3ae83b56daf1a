"""Reads a repository whole, again and again, as a client that knows nothing from before.

    read_repo.py [--reads N] [--until FILE] [--max-seconds S] [--seed N] [--pause MS] URL_OR_DIRECTORY

A read is repomd.xml, every file it names, their checksums, sizes, packages and counts, and one RPM
picked by chance, with up to so many milliseconds between two of them. It goes on until N reads succeeded and, with --until, FILE is there. Over HTTP a
connection refused, reset or cut short is excused and the read begins anew; in a directory nothing
is. The last line is a JSON summary: reads, excused, generations (how many different repomd.xml),
packages (in the last read), errors. Status 0: no errors and enough reads.
"""

import argparse
import hashlib
import http.client
import json
import os
import random
import sys
import time
import urllib.parse

import repository

# Errors past this many tell nothing new.
ERRORS_KEPT = 20


class Excused(Exception):
    """The server was not there, or went away in the middle of an answer."""


class Http:
    """Fetches below a URL, with a connection for one read."""

    def __init__(self, base):
        parts = urllib.parse.urlsplit(base)
        self.path = parts.path.rstrip("/")
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)

    def get(self, path):
        try:
            self.connection.request("GET", f"{self.path}/{urllib.parse.quote(path)}", headers={"Cache-Control": "no-cache"})
            response = self.connection.getresponse()
            data = response.read()
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError) as error:
            raise Excused(f"{path}: {error}") from error
        # A server that ended between the request and the whole of the answer.
        except (http.client.IncompleteRead, http.client.RemoteDisconnected) as error:
            raise Excused(f"{path}: {type(error).__name__}") from error
        except (OSError, http.client.HTTPException) as error:
            raise repository.Broken(f"{path}: {type(error).__name__}: {error}") from error
        if response.status != 200:
            raise repository.Broken(f"{path}: HTTP status {response.status}")
        return data

    def close(self):
        self.connection.close()


class Slow:
    """Takes its time between two files."""

    def __init__(self, source, chance, pause):
        self.source = source
        self.chance = chance
        self.pause = pause

    def get(self, path):
        data = self.source.get(path)
        time.sleep(self.chance.random() * self.pause / 1000)
        return data


class Reader:
    """Counts what the reads came to."""

    def __init__(self, base, seed, pause):
        self.base = base
        self.pause = pause
        self.chance = random.Random(seed)
        self.summary = {"reads": 0, "excused": 0, "generations": 0, "packages": 0, "seed": seed, "errors": []}
        self.seen = set()

    def read(self):
        if "://" not in self.base:
            self.take(repository.Directory(self.base))
            return
        source = Http(self.base)
        try:
            self.take(source)
        finally:
            source.close()

    def take(self, source):
        source = Slow(source, self.chance, self.pause) if self.pause else source
        found = repository.whole_read(source)
        if found.packages:
            repository.check_package(source, self.chance.choice(found.packages))
        self.seen.add(hashlib.sha256(found.repomd).digest())
        self.summary["reads"] += 1
        self.summary["generations"] = len(self.seen)
        self.summary["packages"] = len(found.packages)

    def once(self):
        try:
            self.read()
        except Excused:
            self.summary["excused"] += 1
            # The server is away: do not take the processor from its start.
            time.sleep(0.02)
        except repository.Broken as error:
            self.summary["errors"].append(str(error))

    def loop(self, reads, until, max_seconds):
        end = time.monotonic() + max_seconds
        while self.summary["reads"] < reads or (until and not os.path.exists(until)):
            self.once()
            if len(self.summary["errors"]) >= ERRORS_KEPT:
                return
            if time.monotonic() > end:
                self.summary["errors"].append(f"not done within {max_seconds:g} s")
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--reads", type=int, default=1)
    parser.add_argument("--until", help="go on until this file exists")
    parser.add_argument("--max-seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=int, default=0)
    arguments = parser.parse_args()
    reader = Reader(arguments.base, arguments.seed, arguments.pause)
    reader.loop(arguments.reads, arguments.until, arguments.max_seconds)
    print(json.dumps(reader.summary, sort_keys=True), flush=True)
    return 1 if reader.summary["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
