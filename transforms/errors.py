"""Errors that people meet, each with what happened and what to do."""

from __future__ import annotations

from transforms.records import Stage


class BeamscribeError(Exception):
    """The base of every error whose message is written for a person."""


class UsageError(BeamscribeError):
    """Wrong usage or configuration: nothing was started (exit code 2)."""


class MissingCredentialsError(BeamscribeError):
    """No secret was found in any of the places that are looked at (exit code 4)."""


class RecordingError(BeamscribeError):
    """This recording cannot be transcribed; the others go on.

    Args:
        stage: where it failed.
        code: a short CamelCase word that failures are counted by.
        message: what happened, the likely cause and what to do.
        retryable: whether the same recording may succeed later.
    """

    def __init__(self, stage: Stage, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(stage, code, message, retryable)
        self.stage = stage
        self.code = code
        self.message = message
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
