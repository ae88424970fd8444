"""Where the resident process is found: a socket in a folder of the user's own, and a lock that only one can hold."""

import os
import socket
from pathlib import Path

from guiground.errors import UsageError

_SOCKET = "resident.sock"
_LONGEST = 100  # bytes of a socket's path; systems differ between 104 and 108


def _folder() -> Path:
    from platformdirs import user_state_dir

    return Path(user_state_dir("guiground", appauthor=False))


def in_use() -> bool:
    """Whether there is a socket; looks only, so that a home that cannot be written does not matter."""
    return os.path.exists(_folder() / _SOCKET)


def folder() -> Path:
    """The user's own folder for socket, lock and log; made if it is not there, and closed to others."""
    path = _folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise UsageError(f"'{path}' belongs to another user (set XDG_STATE_HOME to a folder of your own)")
        path.chmod(0o700)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"'{path}' cannot be used: {reason} (set XDG_STATE_HOME to a folder of your own)") from None
    return path


def check_sockets() -> None:
    """Raises UsageError where the system has no unix sockets."""
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError("this system has no unix sockets, so there is no resident process (leave out --keep)")


def socket_path() -> Path:
    path = folder() / _SOCKET
    if len(os.fsencode(path)) > _LONGEST:
        raise UsageError(f"the path '{path}' is too long for a socket (set XDG_STATE_HOME to a shorter folder)")
    return path


def log_path() -> Path:
    return folder() / "resident.log"


def take_lock() -> int | None:
    """The lock as an open file descriptor, given back by os.close; None if another process holds it."""
    import fcntl

    lock = os.open(folder() / "resident.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def remove_stale() -> None:
    """Removes the socket of a process that is no longer there."""
    lock = take_lock()
    if lock is not None:
        socket_path().unlink(missing_ok=True)
        os.close(lock)
