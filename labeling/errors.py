"""Errors of what people do.

LabelingError
├── ImportRefused       a file, or a row of it, that cannot be brought in
│   └── EncodingRefused it is not in the encoding that it was read in
├── LabelError          a label or a project's setting that cannot be as asked
├── AnswerError         an answer that cannot be taken as it was sent
├── ExportError         a file that could not be written whole
├── PermissionRefused   this person may not do this
├── SignInRefused       this name and password, or this provider's word, let nobody in
├── AccessRefused       this way in may not be offered at this address
├── SearchError         a search that cannot be done as it was asked
└── NotEnoughLabels     too few labels for what was asked
"""


class LabelingError(Exception):
    """Base of all errors of labeling; the message says what was wrong and what to do next."""


class ImportRefused(LabelingError):
    """A file that cannot be brought in; nothing of it was.

    line: the line in the file (1 = header), column: its name, value: what stood there; each is
    None where it does not apply.
    """

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.value = value


class EncodingRefused(ImportRefused):
    """A file that is not in the encoding it was read in; it may be in another one."""


class LabelError(LabelingError):
    """A label, or the label set of a project, that cannot be as asked."""


class AnswerError(LabelingError):
    """An answer that cannot be taken as it was sent."""


class ExportError(LabelingError):
    """An export that could not be written whole; no file stands under the final name."""


class PermissionRefused(LabelingError):
    """Something that this person's role does not allow."""


class SignInRefused(LabelingError):
    """Nobody was let in; the message does not tell which part was wrong."""


class AccessRefused(LabelingError):
    """The way in that was chosen may not be offered as asked; nothing was started."""


class NotEnoughLabels(LabelingError):
    """Too few labels for what was asked; the message counts them."""


class SearchError(LabelingError):
    """A search that cannot be done as it was asked."""
