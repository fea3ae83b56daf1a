"""Messages about composes."""

from .base import TanneryMessage, load_schema


class StatusV1(TanneryMessage):
    """The status of a compose has changed."""

    topic = "tannery.compose.status"
    body_schema = load_schema(topic)

    @property
    def compose_id(self):
        """The compose's id."""
        return self.body["compose_id"]

    @property
    def status(self):
        """``STARTED``, ``FINISHED``, ``FINISHED_INCOMPLETE``, ``DOOMED`` or ``TERMINATED``."""
        return self.body["status"]

    @property
    def reason(self):
        """Why the compose is doomed or was terminated, else None."""
        return self.body["reason"]

    @property
    def url(self):
        return self.body["url"]

    @property
    def summary(self):
        return f"compose {self.compose_id} is {self.status}"

    def _details(self):
        label, sets = self.body["compose_label"], self.body["sets"]
        return [
            *([("reason", self.reason)] if self.reason is not None else []),
            *([("label", label)] if label is not None else []),
            ("made from", ", ".join(f"revision {used['revision']} of {used['tag']}" for used in sets) or "nothing"),
            ("url", self.url),
        ]
