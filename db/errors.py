"""Errors of the store.

StoreError
├── UnsafeSqliteError     this SQLite can lose data in WAL mode
├── SchemaError           the database is older or newer than this program
├── NotFoundError         no such project, model version, annotator or job
├── ConflictError         the name or the state is already taken
├── InvalidSettingError   a setting outside what it may be
├── AccountError          a name, password, address or role that an account may not have
├── OutputRefused         a file that a command may not write to
└── BackupError           a backup or restore that would not be whole
"""


class StoreError(Exception):
    """Base of all errors of the store; the message says what was wrong and what to do next."""


class UnsafeSqliteError(StoreError):
    """The SQLite library at hand has the WAL-reset bug."""


class SchemaError(StoreError):
    """The database's schema does not fit this program."""


class NotFoundError(StoreError):
    """Something was asked for by a name or number that the store does not hold."""


class ConflictError(StoreError):
    """Something with this name or in this state exists already."""


class InvalidSettingError(StoreError):
    """A setting's value is outside what it may be."""


class AccountError(StoreError):
    """An account that cannot be as asked."""


class OutputRefused(StoreError):
    """A command was to write where the store keeps its own files, or onto a device."""


class BackupError(StoreError):
    """A backup or a restore could not be completed; nothing was replaced."""
