"""A decode process that does what the name of its task says, for tests of its parent."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from transforms.checksum import Checked
from transforms.cut_source import SourceCut, cut_source
from transforms.decode_messages import Done, Task
from transforms.decode_process import done, end_with, main


def told(value: object) -> SourceCut:
    return SourceCut(Checked(0, 0, b""), damage=json.dumps(value))


def wait_for(path: str) -> None:
    until = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.01)


def odd(source: BinaryIO, task: Task, progress: Callable[[float], None]) -> Done:
    what, *details = task.name.split(":")
    match what:
        case "hang":
            Path(details[0]).write_text(str(os.getpid()))
            time.sleep(600)
        case "hang natively":  # PyDLL keeps the interpreter's lock, as a decoder may
            Path(details[0]).write_text(str(os.getpid()))
            ctypes.PyDLL(None).sleep(600)
        case "hang elsewhere":  # where no kernel ends it with its parent
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(1, 0)
            sys.platform = "elsewhere"
            end_with(os.getppid())
            Path(details[0]).write_text(str(os.getpid()))
            time.sleep(600)
        case "end by":
            os.kill(os.getpid(), int(details[0]))
        case "raise":
            raise ValueError("of a kind that nobody foresaw")
        case "ask again":
            for _ in range(1000):
                source._bring(0)
        case "memory":
            np.ones(3 << 30, np.uint8)
        case "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        case "steps":
            for step in range(50):
                progress(float(step))
                time.sleep(0.001)
        case "conceal":
            os.write(2, b"[src/libmpg123/layer3.c:do_layer3():1804] error: dequantization failed!\n")
        case "warn":
            os.write(2, b"[src/libmpg123/frame.c:INT123():90] warning: Xing stream size off\n")
        case "talk":
            os.write(2, b"a complaint\n" * 100_000)
        case "ignored":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        case "meet":
            Path(details[0]).touch()
            wait_for(details[1])
            return told(Path(details[1]).exists())
        case "modules":
            cut_source(source, task, progress)
            return told(sorted(sys.modules))
        case "environment":
            return told(dict(os.environ))
        case "process":
            return told([os.getpid(), len(list(Path("/dev/fd").iterdir()))])
    return done(source, task, progress)


if __name__ == "__main__":
    main(odd)
