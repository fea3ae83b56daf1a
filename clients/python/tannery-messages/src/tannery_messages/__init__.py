"""What Tannery tells the world, as classes of fedora-messaging: validated, and readable by people."""

from .base import TanneryMessage
from .compose import StatusV1 as ComposeStatusV1
from .pungi import ComposeStatusChangeV1 as PungiComposeStatusChangeV1
from .reconcile import RepairedV1 as ReconcileRepairedV1
from .repo import MergedV1 as RepoMergedV1
from .repo import PublishedV1 as RepoPublishedV1
from .repo import RemovedV1 as RepoRemovedV1
from .tag import ChangedV1 as TagChangedV1

__version__ = "0.1.0"

__all__ = [
    "ComposeStatusV1",
    "PungiComposeStatusChangeV1",
    "ReconcileRepairedV1",
    "RepoMergedV1",
    "RepoPublishedV1",
    "RepoRemovedV1",
    "TagChangedV1",
    "TanneryMessage",
]
