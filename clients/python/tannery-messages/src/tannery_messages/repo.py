"""Messages about live repositories."""

from .base import TanneryMessage, counted, load_schema, names


class RepoMessage(TanneryMessage):
    """What all messages about a repository of a tag have in common."""

    @property
    def tag(self):
        """The tag's name."""
        return self.body["tag"]

    @property
    def repo(self):
        """Which repository of the tag: ``ARCH``, ``ARCH-debug``, ``ARCH-merged`` or ``src``."""
        return self.body["repo"]

    @property
    def generation(self):
        """The number of the generation that it has, or had last."""
        return self.body["generation"]


class PublishedV1(RepoMessage):
    """A live repository has a new generation."""

    topic = "tannery.repo.published"
    body_schema = load_schema(topic)

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


class RemovedV1(RepoMessage):
    """A live repository is removed: nobody has wanted it for long enough."""

    topic = "tannery.repo.removed"
    body_schema = load_schema(topic)

    @property
    def reason(self):
        """Why nobody wants it."""
        return self.body["reason"]

    @property
    def summary(self):
        return f"{self.tag}/{self.repo} is removed: {self.reason}"

    def _details(self):
        return [("last generation", str(self.generation))]


class MergedV1(RepoMessage):
    """A repository that is merged of a tag's own and external ones has a new generation."""

    topic = "tannery.repo.merged"
    body_schema = load_schema(topic)

    @property
    def why(self):
        """By what it differs from the generation before, in words."""
        return self.body["why"]

    @property
    def external(self):
        """The URLs of the external repositories that went in, as they are preferred."""
        return [external["url"] for external in self.body["external"]]

    @property
    def url(self):
        return self.body["url"]

    @property
    def summary(self):
        return (
            f"{self.tag}/{self.repo} is merged anew ({', '.join(self.why)}) "
            f"with {counted(self.body['packages'], 'package')}, as generation {self.generation}"
        )

    def _details(self):
        return [("external", ", ".join(self.external) or "none"), ("url", self.url)]
