"""Where the secrets come from, and how they are kept from leaking.

Nothing here writes a secret anywhere: not into a repr, a log, an error or a
pickle. Workers read their own environment or file.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from transforms.errors import MissingCredentialsError

SECRET_ID_VARIABLE: Final = "TENCENTCLOUD_SECRET_ID"
SECRET_KEY_VARIABLE: Final = "TENCENTCLOUD_SECRET_KEY"
TOKEN_VARIABLE: Final = "TENCENTCLOUD_TOKEN"
SYSTEM_FILE: Final = Path("/etc/tencentcloud/credentials")

_USER_FILE: Final = Path(".tencentcloud") / "credentials"
_SECTION: Final = "default"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair of keys, and the token that temporary ones come with.

    Raises:
        MissingCredentialsError: a value holds what no key holds: a blank, a line
            break, a quote or a letter outside ASCII.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        values = {"secret id": self.secret_id, "secret key": self.secret_key, "token": self.token}
        for name, value in values.items():
            if value is not None and not _may_be_key(value):
                raise MissingCredentialsError(
                    f"The {name} is empty or holds a blank, a line break, a quote or a letter outside ASCII, "
                    "as happens when it is pasted. Copy it again from https://console.cloud.tencent.com/cam/capi."
                )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Credentials are never pickled: they would be stored with the job. "
            "Pass a CredentialSource, which reads them where they are used."
        )


class CredentialSource(Protocol):
    """Something that knows the credentials at the place where it runs."""

    def current(self) -> Credentials:
        """The credentials to sign with now.

        Raises:
            MissingCredentialsError: there are none.
        """
        ...

    def refresh(self) -> Credentials:
        """Reads them again, after the service has called the token expired.

        Raises:
            MissingCredentialsError: there are none any more.
        """
        ...


class EnvironmentCredentials:
    """Credentials of the environment, else of the files that the official SDK reads.

    In this order: ``TENCENTCLOUD_SECRET_ID`` and ``TENCENTCLOUD_SECRET_KEY``, with
    ``TENCENTCLOUD_TOKEN`` for temporary ones; ``~/.tencentcloud/credentials``;
    ``/etc/tencentcloud/credentials``. The files have a section ``[default]`` with
    ``secret_id``, ``secret_key`` and, for temporary ones, ``token``. The first place
    that has both keys counts, and a token is only taken from that place.

    It reads at the first use and holds nothing secret when pickled.

    Args:
        environ: instead of the environment of the process.
        home: instead of the home folder of the user.
        system_file: the file that counts last.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
        system_file: Path = SYSTEM_FILE,
    ) -> None:
        self._environ = environ
        self._home = home
        self._system_file = system_file
        self._read: Credentials | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._environ is not None:
            raise TypeError("An EnvironmentCredentials with variables of its own would be pickled with them.")
        return EnvironmentCredentials, (None, self._home, self._system_file)

    def current(self) -> Credentials:
        """The credentials, read at the first call and kept."""
        return self._read or self.refresh()

    def refresh(self) -> Credentials:
        """Reads all places again.

        Raises:
            MissingCredentialsError: no place has both keys, or a value cannot be one.
        """
        environ = os.environ if self._environ is None else self._environ
        secret_id, secret_key = environ.get(SECRET_ID_VARIABLE), environ.get(SECRET_KEY_VARIABLE)
        if secret_id and secret_key:
            self._read = Credentials(secret_id, secret_key, environ.get(TOKEN_VARIABLE) or None)
            return self._read
        looked_at = [_about_environment(secret_id, secret_key)]
        home = Path.home() if self._home is None else self._home
        for path in (home / _USER_FILE, self._system_file):
            found = _read_file(path)
            if isinstance(found, Credentials):
                self._read = found
                return found
            looked_at.append(found)
        raise MissingCredentialsError(
            f"No Tencent Cloud credentials. Looked at {'; '.join(looked_at)}. "
            f"Set {SECRET_ID_VARIABLE} and {SECRET_KEY_VARIABLE} to a pair of keys from "
            "https://console.cloud.tencent.com/cam/capi."
        )


def _about_environment(secret_id: str | None, secret_key: str | None) -> str:
    unset = [
        name
        for name, value in ((SECRET_ID_VARIABLE, secret_id), (SECRET_KEY_VARIABLE, secret_key))
        if not value
    ]
    return f"the environment ({' and '.join(unset)} not set)"


def _read_file(path: Path) -> Credentials | str:
    """The credentials of a file, or the path with the reason why it has none."""
    # No interpolation: a percent sign is a letter like any other.
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return f"{path} (not there)"
    except OSError as error:
        return f"{path} (cannot be read: {error.strerror})"
    # The parser's own message would quote the line, and with it the secret.
    except (configparser.Error, UnicodeDecodeError):
        return f"{path} (not an ini file)"
    secret_id = parser.get(_SECTION, "secret_id", fallback="")
    secret_key = parser.get(_SECTION, "secret_key", fallback="")
    if not secret_id or not secret_key:
        return f"{path} (no secret_id and secret_key under [{_SECTION}])"
    return Credentials(secret_id, secret_key, parser.get(_SECTION, "token", fallback="") or None)


def _may_be_key(value: str) -> bool:
    return bool(value) and all("!" <= letter <= "~" and letter not in "\"'" for letter in value)
