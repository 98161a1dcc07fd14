"""The client library, called as a C program does: its structures are read from its headers."""

import ctypes
import functools
import re

from .places import BUILD, TOP

HEADERS = sorted((TOP / "api" / "client").glob("privyseal*.h"))
KINDS = {"int": ctypes.c_int, "unsigned": ctypes.c_uint, "uint32_t": ctypes.c_uint32,
         "size_t": ctypes.c_size_t}
MEMBER = re.compile(r"^ +(?:const )?(\w+(?: \w+)?) (\**)(\w+);$", re.M)
OK, REFUSED, USAGE = 0, 1, 5


@functools.cache
def declarations():
    return "".join(re.sub(r" */\*.*?\*/", "", path.read_text(), flags=re.S) for path in HEADERS)


def kind_of(declared, stars):
    """What is pointed to is octets, or the library's own."""
    word, _, name = declared.partition(" ")
    if stars:
        return ctypes.c_void_p
    return structure(name) if word == "struct" else KINDS.get(word, ctypes.c_int)


@functools.cache
def structure(name):
    body = re.search(rf"^struct {name} \{{\n(.*?)^\}};", declarations(), re.S | re.M)[1]
    fields = [(member, kind_of(declared, stars)) for declared, stars, member in MEMBER.findall(body)]
    assert len(fields) == body.count(";"), f"{name} has members that are not understood"
    return type(name, (ctypes.Structure,), {"_fields_": fields, "kept": None})


def filled(name, members):
    """With octets and texts as they are given; their lengths stand beside them."""
    made = structure(name)()
    made.kept = {}
    for member, value in members.items():
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            made.kept[member] = ctypes.create_string_buffer(value, len(value) + 1)
            if hasattr(made, f"{member}_len"):
                setattr(made, f"{member}_len", len(value))
            value = ctypes.addressof(made.kept[member])
        if isinstance(value, dict):
            value = filled(type(getattr(made, member)).__name__, value)
            made.kept[member] = value
        setattr(made, member, value)
    return made


def taken(made):
    """A structure of the library's as a dictionary; what is not NULL as octets."""
    found = {}
    for member, kind in made._fields_:
        value = getattr(made, member)
        if isinstance(value, ctypes.Structure):
            value = taken(value)
        elif kind is ctypes.c_void_p and value is not None and member != "memory":
            length = getattr(made, f"{member}_len", None)
            value = ctypes.string_at(value, -1 if length is None else length)
        found[member] = value
    return found


class ClientLibrary:
    def __init__(self, appliance):
        self.library = ctypes.CDLL(str(BUILD / "api/client/libprivyseal.so"))
        self.client = ctypes.c_void_p()
        self.library.privyseal_last_error.restype = ctypes.c_char_p
        options = filled("privyseal_options",
                         {"socket": appliance.environment["PRIVYSEAL_SOCKET"]})
        assert self.library.privyseal_open(ctypes.byref(options), ctypes.byref(self.client)) == OK

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.library.privyseal_close(self.client)

    def sign(self, what, **members):
        """(result, what was signed) of privyseal_sign_<what>, whose answer is cleared again."""
        answer = "answer" if what == "pdf" else "signed"
        request = {"jws": "jws", "sd_jwt": "sd_jwt", "data_integrity": "proof"}.get(what, what)
        made = structure(f"privyseal_{answer}")()
        code = getattr(self.library, f"privyseal_sign_{what}")(
            self.client, ctypes.byref(filled(f"privyseal_{request}", members)), ctypes.byref(made))
        found = taken(made)
        getattr(self.library, f"privyseal_{answer}_clear")(ctypes.byref(made))
        assert (made if what == "pdf" else made.answer).memory is None
        return code, found

    def last_error(self):
        return self.library.privyseal_last_error(self.client).decode()
