"""What a process holds in its memory, and what lies in files beside it: searched for octets that have no place there."""

import array
import base64
import contextlib
import pathlib
import re
import sys

PIECE = 1 << 20
WORD = array.array("Q").itemsize


def readable(memory, low, high):
    """A mapping's octets; what cannot be read (secret memory, the kernel's pages) is left out."""
    octets = bytearray()
    while low < high:
        try:
            memory.seek(low)
            piece = memory.read(min(PIECE, high - low))
        except (OSError, ValueError, OverflowError):
            piece = b""
        octets += piece
        low += len(piece) or 4096
    return octets


# Range, rights, offset, device, inode.
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)", re.M)


def memory_of(pid):
    """Every readable mapping of a process, each in one piece; but for code, which is a file's."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        return [readable(memory, int(low, 16), int(high, 16))
                for low, high, rights, inode in MAPPING.findall(maps)
                if "r" in rights and not ("x" in rights and inode != "0")]


def in_base64(secret):
    """What stands in Base64 of whatever has it inside, wherever it begins there."""
    for before, unlike in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        whole = text[unlike:len(text) - bool((before + len(secret)) % 3)]
        yield from {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}


def forms(secret):
    """As the module has it, as OpenSSL's numbers lie in memory, and in the texts it could be in."""
    return (secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode(),
            *in_base64(secret))


def words_of(piece):
    """The whole words of WORD octets, each once, as numbers: looked up instead of searched for."""
    words = array.array("Q")
    words.frombytes(memoryview(piece)[:len(piece) // WORD * WORD])
    return set(words)


def may_be_among(words, form):
    """Wherever a form lies, one of its first words is a whole one, if it is long enough to have one at all."""
    return len(form) < 2 * WORD - 1 or any(
        int.from_bytes(form[at:at + WORD], sys.byteorder) in words for at in range(WORD))


def held(pieces, secrets):
    wanted = [(secret, set(forms(secret))) for secret in secrets]
    found = set()
    for piece in pieces:
        words = words_of(piece)
        found.update(secret for secret, made in wanted if secret not in found and
                     any(may_be_among(words, form) and form in piece for form in made))
    return [secret for secret in secrets if secret in found]


def found_on_disk(directory, secrets, but=()):
    """Files below it that have one of them in any form; not those of the directories named `but`."""
    found = []
    for path in pathlib.Path(directory).rglob("*"):
        if path.is_file() and path.relative_to(directory).parts[0] not in but:
            with contextlib.suppress(FileNotFoundError):  # or written anew just now
                found += [path] * bool(held([path.read_bytes()], secrets))
    return found


def found_beside(pid, secrets):
    """Which of its command line and its environment have one."""
    return [name for name in ("cmdline", "environ")
            if held([pathlib.Path(f"/proc/{pid}/{name}").read_bytes()], secrets)]
