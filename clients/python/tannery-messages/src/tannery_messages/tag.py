"""Messages about tags."""

from .base import TanneryMessage, count, counted, load_schema, names


class ChangedV1(TanneryMessage):
    """The package set of a tag has a new revision."""

    topic = "tannery.tag.changed"
    body_schema = load_schema(topic)

    @property
    def tag(self):
        """The tag's name."""
        return self.body["tag"]

    @property
    def revision(self):
        """The number of the new revision."""
        return self.body["revision"]

    @property
    def added(self):
        """The builds (NVR) that came, at most 1000."""
        return self.body["builds"]["added"]

    @property
    def removed(self):
        """The builds (NVR) that went, at most 1000."""
        return self.body["builds"]["removed"]

    @property
    def is_truncated(self):
        """Whether there are more builds than the lists hold."""
        return self.body["builds"]["truncated"]

    @property
    def packages(self):
        """The names of the builds that came or went."""
        return sorted({nvr.rsplit("-", 2)[0] for nvr in self.added + self.removed})

    @property
    def summary(self):
        came = counted(len(self.added), "build", self.is_truncated)
        went = count(len(self.removed), self.is_truncated)
        return f"{self.tag} is at revision {self.revision}: {came} came, {went} went"

    def _details(self):
        return [
            ("added", names(self.added, self.is_truncated)),
            ("removed", names(self.removed, self.is_truncated)),
        ]
