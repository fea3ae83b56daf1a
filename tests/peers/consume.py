"""Consumes messages as a stock fedora-messaging consumer does, and prints each as a line of JSON.

    consume.py [--tls DIR] [--queue NAME] [--messages N] [--timeout S] AMQP_URL ROUTING_KEY...

The first line, `{"ready": true, "queue": NAME}`, is printed once the queue is bound and consumed.
Then a line for each message: id, topic, severity, headers, body, priority, the class that it became, its summary
and the packages it is about. A message that fails its
schema is rejected by the library and never printed. Status 0: N messages came. Status 1: they did
not come within S seconds. Status 2: the broker refused.
"""

import argparse
import json
import logging
import sys
import uuid

import settings


def show(value):
    print(json.dumps(value, sort_keys=True), flush=True)


class Consumption:
    """Prints what comes and ends the reactor when enough came, or when time is over."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.count = 0
        self.status = None

    def __call__(self, message):
        from fedora_messaging import exceptions

        show(
            {
                "id": message.id,
                "topic": message.topic,
                "severity": message.severity,
                "headers": message._headers,
                "body": message.body,
                "priority": message.priority,
                "class": f"{type(message).__module__}.{type(message).__qualname__}",
                "summary": message.summary,
                "packages": message.packages,
            }
        )
        self.count += 1
        if self.count == self.wanted:
            raise exceptions.HaltConsumer()

    def end(self, status):
        """Sets the status and stops; only the first call counts."""
        from twisted.internet import reactor

        if self.status is None:
            self.status = status
            reactor.callWhenRunning(reactor.stop)

    def started(self, consumers, queue):
        show({"ready": True, "queue": queue})
        consumers[0].result.addCallbacks(lambda _: self.end(0), self.halted)

    def halted(self, failure):
        from fedora_messaging import exceptions

        # The library ends a consumer that has asked for its end with the very exception it raised.
        if failure.check(exceptions.HaltConsumer):
            self.end(0)
        else:
            self.refused(failure)

    def refused(self, failure):
        print(failure.getErrorMessage(), file=sys.stderr)
        self.end(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("routing_keys", nargs="+")
    parser.add_argument("--tls", help="directory with ca.pem, client.pem and client.key")
    parser.add_argument("--queue", default=str(uuid.uuid4()))
    parser.add_argument("--exchange", default="amq.topic")
    parser.add_argument("--messages", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60)
    arguments = parser.parse_args()
    settings.apply(arguments.url, tls=arguments.tls)
    # Warns of each message whose class is not installed.
    logging.getLogger("fedora_messaging.message").setLevel(logging.ERROR)

    from fedora_messaging import api
    from twisted.internet import reactor

    consumption = Consumption(arguments.messages)
    queues = {arguments.queue: {"durable": False, "auto_delete": True, "exclusive": False, "arguments": {}}}
    bindings = [
        {"exchange": arguments.exchange, "queue": arguments.queue, "routing_keys": arguments.routing_keys},
    ]
    consuming = api.twisted_consume(consumption, bindings=bindings, queues=queues)
    consuming.addCallbacks(consumption.started, consumption.refused, callbackArgs=(arguments.queue,))
    reactor.callLater(arguments.timeout, consumption.end, 1)
    reactor.run()
    return consumption.status


if __name__ == "__main__":
    sys.exit(main())
