"""Gives fedora-messaging its configuration from arguments, and never from a file of the machine."""

import os


def apply(url, tls=None, topic_prefix=""):
    """Sets the library's configuration. Call it before anything of the library runs."""
    os.environ["FEDORA_MESSAGING_CONF"] = os.devnull
    from fedora_messaging import config

    config.conf.load_config()
    config.conf["amqp_url"] = url
    config.conf["topic_prefix"] = topic_prefix
    if tls:
        config.conf["tls"] = {
            "ca_cert": os.path.join(tls, "ca.pem"),
            "certfile": os.path.join(tls, "client.pem"),
            "keyfile": os.path.join(tls, "client.key"),
        }
