"""Runs a program on a terminal of its own and answers what it asks there."""

import os
import pty
import select
import time

from .appliance import PATIENCE_S


def run(command, answers=(), limit_s=60, env=None, cwd=None):
    """`answers`: (text that the program shows, what is then typed), each used once, in this order;
    what is typed may be a function of what was shown.

    Returns (exit code, everything shown).
    """
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            os.chdir(cwd or ".")
            os.execvpe(str(command[0]), [str(word) for word in command], env or dict(os.environ))
        finally:
            os._exit(127)
    shown, seen, left = b"", 0, list(answers)
    deadline = time.monotonic() + max(limit_s, PATIENCE_S)
    try:
        while True:
            ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                os.kill(pid, 9)
                raise TimeoutError(f"{command}: not within {limit_s} s; shown: {shown.decode()}")
            try:
                octets = os.read(terminal, 65536)
            except OSError:  # how Linux says that the last program on the terminal has ended
                break
            if not octets:
                break
            shown += octets
            while left and left[0][0].encode() in shown[seen:]:
                seen = shown.index(left[0][0].encode(), seen) + len(left[0][0].encode())
                typed = left.pop(0)[1]
                typed = typed(shown.decode("utf-8", "replace")) if callable(typed) else typed
                os.write(terminal, typed.encode() + b"\n")
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace").replace("\r\n", "\n")
