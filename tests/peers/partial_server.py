"""Serves a directory over HTTP with range requests, and logs how many bytes each answer had.

partial_server.py PORT DIRECTORY

A line for each answer on standard error: METHOD PATH STATUS BYTES, where BYTES are those of the body.
"""

import os
import re
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Answers with the range that is asked for; connections are kept."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            body = b"gone"
            return self.answer(404, body)
        with open(path, "rb") as file:
            body = file.read()
        if asked is None:
            return self.answer(200, body)
        begin, end = int(asked[1]), min(int(asked[2]) + 1, len(body))
        if begin >= end:
            return self.answer(416, b"", f"bytes */{len(body)}")
        return self.answer(206, body[begin:end], f"bytes {begin}-{end - 1}/{len(body)}")

    def answer(self, status, body, content_range=None):
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)
        print(self.command, self.path, status, len(body), file=sys.stderr, flush=True)


def main(port, directory):
    """Serves until it is killed."""
    os.chdir(directory)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
