"""Does each message of Tannery become its class, valid and readable, under fedora-messaging itself?"""

import copy
import json
import logging
import pathlib
import subprocess
import sys
import unittest
from importlib.metadata import entry_points
from importlib.resources import files

import jsonschema
import pika
import tannery_messages
from fedora_messaging import message
from fedora_messaging.exceptions import ValidationError

# The library logs each message that it refuses, whole.
logging.disable(logging.CRITICAL)

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = {
    "tannery.tag.changed": "tannery_messages.tag.ChangedV1",
    "tannery.repo.published": "tannery_messages.repo.PublishedV1",
    "tannery.repo.removed": "tannery_messages.repo.RemovedV1",
    "tannery.repo.merged": "tannery_messages.repo.MergedV1",
    "tannery.reconcile.repaired": "tannery_messages.reconcile.RepairedV1",
    "tannery.compose.status": "tannery_messages.compose.StatusV1",
    "pungi.compose.status.change": "tannery_messages.pungi.ComposeStatusChangeV1",
}


def schema(topic):
    """Returns a schema as it is documented."""
    return json.loads((files("tannery_messages") / "schemas" / f"{topic}.json").read_text(encoding="utf-8"))


def example(topic):
    """Returns the documented example of a topic's body."""
    return copy.deepcopy(schema(topic)["examples"][0])


def received(topic, body):
    """Returns a message as a consumer gets it from the broker, validated."""
    headers = {
        "fedora_messaging_schema": CLASSES[topic],
        "fedora_messaging_schema_package": "tannery_messages",
        "fedora_messaging_severity": message.INFO,
        "sent-at": "2026-11-21T00:42:24+00:00",
    }
    properties = pika.BasicProperties(
        content_type="application/json", content_encoding="utf-8", message_id="x", headers=headers
    )
    return message.get_message(f"org.example.{topic}", properties, json.dumps(body).encode())


class Registry(unittest.TestCase):
    def test_every_schema_has_its_class_and_every_class_its_name(self):
        names = {path.name for path in (files("tannery_messages") / "schemas").iterdir()}
        self.assertEqual(names, {f"{topic}.json" for topic in CLASSES})
        registered = {entry.name for entry in entry_points(group="fedora.messages")}
        self.assertLessEqual(set(CLASSES.values()), registered)
        for topic, name in CLASSES.items():
            found = message.get_class(name)
            self.assertEqual(f"{found.__module__}.{found.__qualname__}", name)
            self.assertEqual(found.topic, topic)
            self.assertEqual(message.get_name(found), name)

    def test_a_message_made_here_names_class_and_package(self):
        made = tannery_messages.TagChangedV1(body=example("tannery.tag.changed"))
        made.validate()
        self.assertEqual(made._headers["fedora_messaging_schema"], "tannery_messages.tag.ChangedV1")
        self.assertEqual(made._headers["fedora_messaging_schema_package"], "tannery_messages")
        self.assertIs(made._headers["fedora_messaging_rpm_oak-hello"], True)

    def test_the_schemas_are_those_of_the_documentation(self):
        script = HERE.parent / "copy_schemas.py"
        self.assertTrue((HERE.parents[3] / "docs" / "messages").is_dir(), "this test runs in a clone of Tannery")
        checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))


class Messages(unittest.TestCase):
    def test_each_example_becomes_its_class_and_is_valid(self):
        for topic, name in CLASSES.items():
            jsonschema.Draft7Validator.check_schema(schema(topic))
            got = received(topic, example(topic))
            self.assertEqual(f"{type(got).__module__}.{type(got).__qualname__}", name)
            self.assertEqual(got.app_name, "Tannery")
            has_none = ("tannery.tag.changed", "tannery.reconcile.repaired", "tannery.repo.removed")
            self.assertTrue(got.url or topic in has_none)
            self.assertTrue(str(got).startswith(got.summary) and "\n" not in got.summary)

    def test_a_body_without_a_key_or_with_a_wrong_one_is_refused(self):
        for topic in CLASSES:
            for key in schema(topic)["required"]:
                body = example(topic)
                del body[key]
                with self.subTest(topic=topic, missing=key), self.assertRaises(ValidationError):
                    received(topic, body)
                with self.subTest(topic=topic, wrong=key), self.assertRaises(ValidationError):
                    received(topic, {**example(topic), key: {"of": ["no", "such", "type"]}})

    def test_a_key_that_is_new_is_let_through(self):
        for topic in CLASSES:
            self.assertEqual(received(topic, {**example(topic), "new": 1}).body["new"], 1)
        body = example("tannery.tag.changed")
        body["builds"]["new"] = 1
        received("tannery.tag.changed", body)


class Texts(unittest.TestCase):
    def test_a_tag_that_changed(self):
        got = received("tannery.tag.changed", example("tannery.tag.changed"))
        self.assertEqual(got.summary, "oak-1 is at revision 2: 1 build came, 1 went")
        self.assertEqual(str(got), f"{got.summary}\nadded: oak-hello-1.0-2.oak1\nremoved: oak-hello-1.0-1.oak1\n")
        self.assertEqual((got.tag, got.revision, got.packages), ("oak-1", 2, ["oak-hello"]))

    def test_a_long_list_is_cut(self):
        body = example("tannery.tag.changed")
        body["builds"] = {"added": [f"p{n:04}-1-1" for n in range(1000)], "removed": [], "truncated": True}
        got = received("tannery.tag.changed", body)
        self.assertIn("more than 1000 builds came, 0 went", got.summary)
        self.assertIn("p0009-1-1, and more than 990 more\nremoved: none\n", str(got))
        self.assertEqual(len(got.packages), 1000)

    def test_rows_that_were_repaired(self):
        got = received("tannery.reconcile.repaired", example("tannery.reconcile.repaired"))
        self.assertEqual(got.summary, "2 rows of f43-updates repaired, found by probe")
        self.assertEqual(str(got), f"{got.summary}\ncame: tagging bash-5.3-2.fc43\nwent: link tag 7\n")
        self.assertEqual(got.packages, ["bash"])

    def test_a_published_repository(self):
        got = received("tannery.repo.published", example("tannery.repo.published"))
        self.assertEqual(
            got.summary, "oak-1/x86_64 shows revision 2 of the tag with 55 packages, as generation 2"
        )
        self.assertEqual((got.packages, got.url), (["oak-hello"], "http://127.0.0.1:8080/repos/oak-1/x86_64/"))
        self.assertIn("added: oak-hello-0:1.0-2.oak1.x86_64\n", str(got))

    def test_a_removed_repository(self):
        got = received("tannery.repo.removed", example("tannery.repo.removed"))
        self.assertEqual(got.summary, "oak-1/s390x is removed: oak-1 has no repository s390x any more")
        self.assertEqual((str(got), got.tag, got.repo), (f"{got.summary}\nlast generation: 7\n", "oak-1", "s390x"))

    def test_a_merged_repository(self):
        got = received("tannery.repo.merged", example("tannery.repo.merged"))
        self.assertEqual(
            got.summary, "f43-build/x86_64-merged is merged anew (external) with 812 packages, as generation 3"
        )
        self.assertEqual((got.packages, got.why, got.generation), ([], ["external"], 3))
        self.assertIn("external: https://mirror.example.org/f43/x86_64\n", str(got))
        got = received("tannery.repo.merged", {**example("tannery.repo.merged"), "external": []})
        self.assertIn("external: none\n", str(got))

    def test_a_compose_that_ended(self):
        body = example("tannery.compose.status")
        got = received("tannery.compose.status", body)
        self.assertEqual(got.summary, "compose Oak-1-20261121.n.0 is FINISHED")
        self.assertIn("made from: revision 2 of oak-1\n", str(got))
        doomed = received("tannery.compose.status", {**body, "status": "DOOMED", "reason": "disk full"})
        self.assertIn("reason: disk full\n", str(doomed))
        pungis = received("pungi.compose.status.change", example("pungi.compose.status.change"))
        self.assertEqual((pungis.status, pungis.summary), ("FINISHED", got.summary))


if __name__ == "__main__":
    unittest.main()
