"""Messages about what was found to be other than messages had told."""

from .base import TanneryMessage, counted, load_schema, names


class RepairedV1(TanneryMessage):
    """Rows of a tag were not as the hub has them, and were repaired."""

    topic = "tannery.reconcile.repaired"
    body_schema = load_schema(topic)

    @property
    def tag(self):
        """The tag's name."""
        return self.body["tag"]

    @property
    def rows(self):
        """The rows, at most 1000: `row`, `about`, `since` and `missed` of each."""
        return self.body["rows"]

    @property
    def is_truncated(self):
        """Whether there are more rows than the list holds."""
        return self.body["truncated"]

    @property
    def packages(self):
        """The names of the packages that rows are about."""
        of_builds = {row["about"].rsplit("-", 2)[0] for row in self.rows if row["row"] == "tagging"}
        return sorted(of_builds | {row["about"] for row in self.rows if row["row"] == "package"})

    @property
    def summary(self):
        rows = counted(len(self.rows), "row", self.is_truncated)
        return f"{rows} of {self.tag} repaired, found by {self.body['found_by']}"

    def _details(self):
        came = [f"{row['row']} {row['about']}".rstrip() for row in self.rows if row["since"] is not None]
        went = [f"{row['row']} {row['about']}".rstrip() for row in self.rows if row["since"] is None]
        return [("came", names(came, self.is_truncated)), ("went", names(went, self.is_truncated))]
