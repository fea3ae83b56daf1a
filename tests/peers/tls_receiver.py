"""Takes what is posted to it over HTTPS.

    tls_receiver.py PORT DIRECTORY

DIRECTORY holds server.pem and server.key. A line `ready` once it listens, then one for each message: POST PATH ID.
"""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Takes each message; connections are kept."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        print(self.command, self.path, self.headers["Tannery-Message-Id"], flush=True)
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    port, directory = int(sys.argv[1]), sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
