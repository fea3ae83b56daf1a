"""Messages about live repositories."""

from .base import TanneryMessage, counted, load_schema, names


class PublishedV1(TanneryMessage):
    """A live repository has a new generation."""

    topic = "tannery.repo.published"
    body_schema = load_schema(topic)

    @property
    def tag(self):
        """The tag's name."""
        return self.body["tag"]

    @property
    def repo(self):
        """Which repository of the tag: ``ARCH``, ``ARCH-debug`` or ``src``."""
        return self.body["repo"]

    @property
    def generation(self):
        """The number of the generation."""
        return self.body["generation"]

    @property
    def revision(self):
        """The revision of the tag's package set that is shown."""
        return self.body["revision"]

    @property
    def added(self):
        """The packages (NEVRA) that came, at most 1000."""
        return self.body["added"]

    @property
    def removed(self):
        """The packages (NEVRA) that went, at most 1000."""
        return self.body["removed"]

    @property
    def is_truncated(self):
        """Whether there are more packages than the lists hold."""
        return self.body["truncated"]

    @property
    def packages(self):
        """The names of the packages that came or went."""
        return sorted({nevra.rsplit("-", 2)[0] for nevra in self.added + self.removed})

    @property
    def url(self):
        return self.body["url"]

    @property
    def summary(self):
        return (
            f"{self.tag}/{self.repo} shows revision {self.revision} of the tag "
            f"with {counted(self.body['packages'], 'package')}, as generation {self.generation}"
        )

    def _details(self):
        return [
            ("added", names(self.added, self.is_truncated)),
            ("removed", names(self.removed, self.is_truncated)),
            ("url", self.url),
        ]


class RemovedV1(TanneryMessage):
    """A live repository is removed: nobody has wanted it for long enough."""

    topic = "tannery.repo.removed"
    body_schema = load_schema(topic)

    @property
    def tag(self):
        """The tag's name."""
        return self.body["tag"]

    @property
    def repo(self):
        """Which repository of the tag: ``ARCH``, ``ARCH-debug`` or ``src``."""
        return self.body["repo"]

    @property
    def generation(self):
        """The number of the last generation that it had."""
        return self.body["generation"]

    @property
    def reason(self):
        """Why nobody wants it."""
        return self.body["reason"]

    @property
    def summary(self):
        return f"{self.tag}/{self.repo} is removed: {self.reason}"

    def _details(self):
        return [("last generation", str(self.generation))]
