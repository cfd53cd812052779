from __future__ import annotations

import pytest

from pipeline.plain import shown_message


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("http://u:p@h/a b.wav?k=1 2&s=x: no", "http://***@h/a b.wav?...: no"),
        ("m.csv: https://u:p@h/x?sig=s is asked for", "m.csv: https://***@h/x?... is asked for"),
        ("shown before: https://***@h/x?...: no", "shown before: https://***@h/x?...: no"),
        ("it leads to (https://h/x?sig=s).", "it leads to (https://h/x?...)."),
        ("Is the disk full? TMPDIR names another", "Is the disk full? TMPDIR names another"),
        ("/in/what?.wav: no audio", "/in/what?.wav: no audio"),
    ],
)  # fmt: skip
def test_a_message_shows_no_password_or_signature_of_any_address_in_it(message, shown):
    assert shown_message(message, "http://u:p@h/a b.wav?k=1 2&s=x") == shown
