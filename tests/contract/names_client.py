"""Asks one name server for one name, and says what came back: to be run inside a namespace.

usage: names_client.py SERVER NAME [TYPE]

Prints the response code and, per address, its time to live and the address.
"""

import secrets
import socket
import struct
import sys

CODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
TYPES = {"A": 1, "AAAA": 28}
LIMIT_SECONDS = 2.0


def question(name: str, kind: str) -> bytes:
    labels = [part.encode() for part in name.split(".")]
    encoded = b"".join(bytes([len(part)]) + part for part in labels) + b"\0"
    header = struct.pack(">HHHHHH", secrets.randbelow(1 << 16), 0x0100, 1, 0, 0, 0)
    return header + encoded + struct.pack(">HH", TYPES[kind], 1)


def skip_name(message: bytes, place: int) -> int:
    while message[place]:
        if message[place] & 0xC0:
            return place + 2
        place += message[place] + 1
    return place + 1


def read_answer(message: bytes) -> str:
    _, flags, questions, answers, _, _ = struct.unpack_from(">HHHHHH", message)
    place = 12
    for _ in range(questions):
        place = skip_name(message, place) + 4
    found = []
    for _ in range(answers):
        place = skip_name(message, place)
        kind, _, seconds, length = struct.unpack_from(">HHIH", message, place)
        content = message[place + 10 : place + 10 + length]
        if kind == TYPES["A"]:
            found.append(f"{seconds} {socket.inet_ntoa(content)}")
        place += 10 + length
    return "\n".join([CODES.get(flags & 15, str(flags & 15)), *found])


def ask(server: str, name: str, kind: str = "A") -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(LIMIT_SECONDS)
        client.connect((server, 53))
        client.send(question(name, kind))
        try:
            return read_answer(client.recv(4096))
        except OSError:
            return "SILENCE"


if __name__ == "__main__":
    sys.stdout.write(ask(*sys.argv[1:]) + "\n")
