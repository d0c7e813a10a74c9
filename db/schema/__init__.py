"""The tables, one module a subject."""

from db.schema.answers import Annotation, AnnotationEvent, Gold, LabelExample, Lease
from db.schema.base import Base
from db.schema.corpus import DuplicateGroup, ImportBatch, ImportReject, Tweet
from db.schema.grouping import QueueScore, TextBlock, TextVariant
from db.schema.models import Epoch, ModelVersion, Prediction, Run, TrainingStep
from db.schema.people import Annotator, AuditEntry, Label, Project
from db.schema.sign_ins import SignIn, SignInTries
from db.schema.work import Boot, Job

__all__ = [
    "Annotation",
    "AnnotationEvent",
    "Annotator",
    "AuditEntry",
    "Base",
    "Boot",
    "DuplicateGroup",
    "Epoch",
    "Gold",
    "ImportBatch",
    "ImportReject",
    "Job",
    "Label",
    "LabelExample",
    "Lease",
    "ModelVersion",
    "Prediction",
    "Project",
    "QueueScore",
    "Run",
    "SignIn",
    "SignInTries",
    "TextBlock",
    "TextVariant",
    "TrainingStep",
    "Tweet",
]
