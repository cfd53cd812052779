"""The one error that a call to the local service can meet."""

from __future__ import annotations


class ServiceFault(Exception):  # noqa: N818 - it is an answer of the service, not a failure of this program
    """The call is answered with an error.

    Args:
        code: the error code as the documents of the service write it.
        message: what the answer says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
