"""What do all messages of Tannery have in common? Where their schemas come from, and who speaks."""

import json
from importlib.resources import files

from fedora_messaging import message

#: How many names of a list a text shows.
SHOWN = 10

#: How many entries lists have at most; one that is longer is cut there, and `truncated` says so.
MOST = 1000


def load_schema(topic):
    """Returns the schema of a topic's body, with one difference from the documented one: keys that it does not
    know are let through. A newer Tannery may add some, and must not be refused for that.
    """
    text = (files(__package__) / "schemas" / f"{topic}.json").read_text(encoding="utf-8")
    return json.loads(text, object_hook=_open)


def _open(schema):
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    return schema


def names(listed, truncated=False):
    """Returns a list as text, cut where it is long."""
    if not listed:
        return "none"
    shown = ", ".join(listed[:SHOWN])
    left = len(listed) - SHOWN
    if left <= 0:
        return shown
    return f"{shown}, and {'more than ' if truncated and len(listed) >= MOST else ''}{left} more"


def count(number, truncated=False):
    """Returns how many there are, where a list of so many may have been cut."""
    return f"more than {number}" if truncated and number >= MOST else f"{number}"


def counted(number, noun, truncated=False):
    """Returns how many there are of something, in words."""
    return f"{count(number, truncated)} {noun}{'' if number == 1 else 's'}"


class TanneryMessage(message.Message):
    """What all messages of Tannery have in common."""

    @property
    def app_name(self):
        return "Tannery"

    def __str__(self):
        return f"{self.summary}\n" + "".join(f"{name}: {text}\n" for name, text in self._details())

    def _details(self):
        """Returns what there is to say beside the summary: names and texts."""
        return []
