"""Publishes messages with fedora-messaging's own Python API, and waits for the broker's confirms.

    publish.py [--tls DIR] [--topic-prefix P] [--lines] AMQP_URL < messages

Standard input has one message as a JSON object, an array of them, or several objects; it is read to
its end first. With --lines it has an object a line, and each is published as it comes. A message
has `topic` and `body`; `headers`, `id`, `severity` and `priority` are optional. The id of each
message that the broker has confirmed is printed, one a line. Status 1: one was not taken.
"""

import argparse
import json
import sys

import settings

DECODER = json.JSONDecoder()


def messages_of(text):
    """Yields the objects of a text: one, an array, or several one after the other."""
    text = text.strip()
    while text:
        value, end = DECODER.raw_decode(text)
        yield from value if isinstance(value, list) else [value]
        text = text[end:].lstrip()


def built(fields):
    """Returns the library's message for one object, with the id and time of sending it was given."""
    from fedora_messaging import api

    headers = fields.get("headers") or {}
    severity = fields.get("severity", headers.get("fedora_messaging_severity"))
    message = api.Message(topic=fields["topic"], body=fields["body"], headers=dict(headers), severity=severity)
    if "id" in fields:
        message.id = fields["id"]
    if fields.get("priority") is not None:
        message.priority = fields["priority"]
    # The library writes headers of its own over these.
    for name in ("sent-at", "fedora_messaging_schema", "fedora_messaging_schema_package"):
        if name in headers:
            message._headers[name] = headers[name]
    return message


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--tls", help="directory with ca.pem, client.pem and client.key")
    parser.add_argument("--topic-prefix", default="")
    parser.add_argument("--exchange", default="amq.topic")
    parser.add_argument("--lines", action="store_true")
    arguments = parser.parse_args()
    settings.apply(arguments.url, tls=arguments.tls, topic_prefix=arguments.topic_prefix)

    from fedora_messaging import api, exceptions

    messages = map(json.loads, sys.stdin) if arguments.lines else messages_of(sys.stdin.read())
    for fields in messages:
        message = built(fields)
        try:
            api.publish(message, exchange=arguments.exchange)
        except exceptions.BaseException as error:
            print(f"{message.id}: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        print(message.id, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
