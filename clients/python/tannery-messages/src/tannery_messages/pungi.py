"""Messages in Pungi's words."""

from .base import TanneryMessage, load_schema


class ComposeStatusChangeV1(TanneryMessage):
    """The status of a compose has changed, with the keys that Pungi sends."""

    topic = "pungi.compose.status.change"
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
    def url(self):
        return self.body["location"]

    @property
    def summary(self):
        return f"compose {self.compose_id} is {self.status}"

    def _details(self):
        return [("url", self.url)]
