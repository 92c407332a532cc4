#!/usr/bin/python3
"""Keys in every form that programs write them, offered as secrets: none is
taken.  Secrets as programs make them, thousands: each is."""

import base64
import datetime
import os
import random
import subprocess
import sys
import time
import urllib.parse

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
except ImportError as error:
    print(f"1..0 # SKIP {error}")
    sys.exit()

SEED = int(os.environ.get("LEADGEN_SEED", time.time()))
draw = random.Random(SEED)

DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM
OPENSSH = serialization.Encoding.OpenSSH
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
CLEAR = serialization.NoEncryption()
PRIVATE = serialization.PrivateFormat

KEYS = {
    "RSA 2048": rsa.generate_private_key(65537, 2048),
    "RSA 3072": rsa.generate_private_key(65537, 3072),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


def url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def integer(number):
    return url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def jwk(public):
    """By hand, member for member, as an identity provider would."""
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return (b'{"kty":"RSA","n":"%s","e":"AQAB","kid":"1"}'
                % integer(numbers.n))
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw,
                                  serialization.PublicFormat.Raw)
        return b'{"kty":"OKP","crv":"Ed25519","x":"%s"}' % url(raw)
    numbers = public.public_numbers()
    return (b'{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}'
            % (integer(numbers.x), integer(numbers.y)))


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp")])
    now = datetime.datetime(2026, 1, 1)
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now.replace(year=2036))
            .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey)
                  else hashes.SHA256()))


def columns(data, width):
    return b"\n".join(data[i:i + width] for i in range(0, len(data), width))


def dump(data):
    """As xxd does."""
    lines = []
    for i in range(0, len(data), 16):
        part = data[i:i + 16]
        words = " ".join(part[j:j + 2].hex() for j in range(0, len(part), 2))
        text = "".join(chr(c) if 32 <= c < 127 else "." for c in part)
        lines.append(f"{i:08x}: {words:39}  {text}")
    return "\n".join(lines).encode()


def octal_dump(data):
    """As od -tx1 does: seven digits of place."""
    return "\n".join(f"{i:07o} {data[i:i + 16].hex(' ')}"
                     for i in range(0, len(data), 16)).encode()


def blob_forms(name, data):
    """What a blob is wrapped in."""
    b64 = base64.b64encode(data)
    yield f"{name}", data
    yield f"{name}, base64", b64
    yield f"{name}, base64, without padding", b64.rstrip(b"=")
    yield f"{name}, base64url", url(data)
    for width in (64, 70, 76):
        yield f"{name}, base64 in {width} columns", columns(b64, width)
    yield f"{name}, base64, line ends of Windows", \
        columns(b64, 64).replace(b"\n", b"\r\n")
    yield f"{name}, base64, indented", b"  " + columns(b64, 64).replace(b"\n", b"\n  ")
    yield f"{name}, base64, quoted", b'"' + b64 + b'"'
    yield f"{name}, base64, with \\n", columns(b64, 64).replace(b"\n", b"\\n")
    yield f"{name}, base64, named", b"public_key: " + b64
    yield f"{name}, base64, assigned", b"KEY=" + b64
    yield f"{name}, base64 of base64", base64.b64encode(b64)
    yield f"{name}, base64 of lines", base64.b64encode(columns(b64, 64))
    yield f"{name}, percent-encoded", urllib.parse.quote(b64, safe="").encode()
    yield f"{name}, base64, byte order mark", b"\xef\xbb\xbf" + b64
    yield f"{name}, base64, UTF-16", b64.decode().encode("utf-16")
    yield f"{name}, base32", base64.b32encode(data)
    yield f"{name}, hex", data.hex().encode()
    yield f"{name}, HEX", data.hex().upper().encode()
    yield f"{name}, hex with colons", data.hex(":").encode()
    yield f"{name}, hex with 0x", b"0x" + data.hex().encode()
    yield f"{name}, hex in lines", columns(data.hex().encode(), 60)
    yield f"{name}, hex of base64", b64.hex().encode()
    yield f"{name}, base64 of hex", base64.b64encode(data.hex().encode())
    yield f"{name}, C's array", ", ".join(f"0x{c:02x}" for c in data).encode()
    yield f"{name}, C's text", "".join(f"\\x{c:02x}" for c in data).encode()


def dumps(name, data):
    """Of what has an identifier; bare numbers are lost among the places."""
    yield f"{name}, xxd", dump(data)
    yield f"{name}, od", octal_dump(data)


def text_forms(name, text):
    """What a text is wrapped in."""
    yield f"{name}", text
    yield f"{name}, in one line", text.replace(b"\n", b"")
    yield f"{name}, with \\n", text.replace(b"\n", b"\\n")
    yield f"{name}, quoted", b'"' + text.replace(b"\n", b"\\n") + b'"'
    yield f"{name}, byte order mark", b"\xef\xbb\xbf" + text
    yield f"{name}, UTF-16", text.decode().encode("utf-16")
    yield f"{name}, base64", base64.b64encode(text)
    yield f"{name}, base64url", url(text)
    yield f"{name}, base64 in columns", columns(base64.b64encode(text), 76)
    yield f"{name}, base64 twice", base64.b64encode(base64.b64encode(text))
    yield f"{name}, hex", text.hex().encode()
    yield f"{name}, percent-encoded", urllib.parse.quote(text, safe="").encode()


def ssh_forms(key):
    line = key.public_key().public_bytes(OPENSSH, serialization.PublicFormat.OpenSSH)
    blob = line.split(b" ")[1]
    yield from text_forms("SSH", line + b" idp@example.com")
    yield from text_forms("SSH's private key", key.private_bytes(
        PEM, PRIVATE.OpenSSH, CLEAR))
    yield from blob_forms("SSH's blob", base64.b64decode(blob))
    yield "RFC 4716", (b"---- BEGIN SSH2 PUBLIC KEY ----\n" + columns(blob, 70)
                       + b"\n---- END SSH2 PUBLIC KEY ----")


def rsa_forms(key):
    public = key.public_key()
    numbers = public.public_numbers()
    size = key.key_size // 8
    modulus = numbers.n.to_bytes(size, "big")
    yield from blob_forms("PKCS 1", public.public_bytes(
        DER, serialization.PublicFormat.PKCS1))
    yield from blob_forms("private PKCS 1", key.private_bytes(
        DER, PRIVATE.TraditionalOpenSSL, CLEAR))
    yield "openssl -modulus", b"Modulus=" + modulus.hex().upper().encode()
    yield "openssl -text", (
        b"Public-Key: (2048 bit)\nModulus:\n    00:"
        + columns(modulus.hex(":").encode(), 45) + b"\nExponent: 65537")
    yield "XML", (b"<RSAKeyValue><Modulus>" + base64.b64encode(modulus)
                  + b"</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>")
    yield "XML with its declaration", (
        b"<?xml version=\"1.0\"?>\n<ds:X><ds:n>" + base64.b64encode(modulus)
        + b"</ds:n></ds:X>")
    yield from blob_forms("PUBLICKEYBLOB", (
        b"\x06\x02\0\0\0\xa4\0\0RSA1" + key.key_size.to_bytes(4, "little")
        + (65537).to_bytes(4, "little") + modulus[::-1]))
    yield from blob_forms("BCRYPT blob", (
        b"RSA1" + key.key_size.to_bytes(4, "little") + b"\x03\0\0\0"
        + size.to_bytes(4, "little") + b"\0" * 8 + b"\x01\0\x01" + modulus))
    packet = (b"\x04" + b"\x65\0\0\0\x01" + key.key_size.to_bytes(2, "big")
              + modulus + b"\0\x11\x01\0\x01")
    yield from blob_forms("OpenPGP", (
        b"\x99" + len(packet).to_bytes(2, "big") + packet))


def ec_forms(key):
    public = key.public_key()
    point = public.public_bytes(serialization.Encoding.X962,
                                serialization.PublicFormat.UncompressedPoint)
    yield from blob_forms("point", point)
    yield from blob_forms("coordinates", point[1:])
    yield from blob_forms("SEC 1", key.private_bytes(
        DER, PRIVATE.TraditionalOpenSSL, CLEAR))


def forms(key):
    public = key.public_key()
    spki = public.public_bytes(DER, SPKI)
    pem = public.public_bytes(PEM, SPKI)
    yield from blob_forms("SPKI", spki)
    yield from dumps("SPKI", spki)
    yield from blob_forms("PKCS 8", key.private_bytes(DER, PRIVATE.PKCS8,
                                                      CLEAR))
    yield from text_forms("PEM", pem)
    yield "PEM with short armour", pem.replace(b"-----", b"--")
    cert = certificate(key)
    yield from blob_forms("certificate", cert.public_bytes(DER))
    yield from text_forms("certificate in PEM", cert.public_bytes(PEM))
    yield from blob_forms("PKCS 12", pkcs12.serialize_key_and_certificates(
        b"x", key, cert, None, serialization.BestAvailableEncryption(b"x")))
    one = jwk(public)
    yield from text_forms("JWK", one)
    yield from text_forms("JWKS", b'{"keys":[%s]}' % one)
    yield from text_forms("array of JWKs", b"[%s]" % one)
    yield "JWK in apostrophes", b"'%s'" % one
    yield "JWK as YAML", one.replace(b'"', b"").replace(b",", b"\n").strip(b"{}")
    yield "realm of Keycloak", (b'{"realm":"shop","public_key":"%s"}'
                                % base64.b64encode(spki))
    yield "octets", b'{"kty":"oct","k":"%s"}' % url(spki)
    if getattr(key, "curve", None) != KEYS["secp256k1"].curve:
        yield from ssh_forms(key)
    if isinstance(key, rsa.RSAPrivateKey):
        yield from rsa_forms(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        yield from ec_forms(key)


def bare():
    """Without any structure: not taken unless alg=HS256 says so."""
    key = KEYS["RSA 2048"].public_key().public_numbers().n
    point = KEYS["P-256"].public_key().public_bytes(
        serialization.Encoding.X962,
        serialization.PublicFormat.CompressedPoint)
    raw = key.to_bytes(256, "big")
    for data in (raw, b"\0" + raw, point):
        yield data.hex().encode()
        yield base64.b64encode(data)
        yield url(data)
    yield str(key).encode()


def good_secrets(count):
    """As openssl rand, Python, Node and others make them."""
    for _ in range(count):
        size = draw.choice([32, 32, 32, 48, 64, 96])
        data = draw.randbytes(size)
        yield draw.choice([data.hex().encode(), data.hex().upper().encode(),
                           base64.b64encode(data), url(data),
                           base64.urlsafe_b64encode(data)])


def other_secrets():
    """Only with alg=HS256."""
    yield b"a key of thirty-two bytes, or so"
    yield b"correct horse battery staple correct horse battery staple"
    yield b"swordfish-swordfish-swordfish-32"
    yield "zoë zoë zoë zoë zoë zoë zoë zoë zoë".encode()
    yield b"0" * 64
    yield draw.randbytes(24).hex().encode()
    yield b"!" + draw.randbytes(32).hex().encode()
    for _ in range(300):
        yield b"x" + draw.randbytes(32).replace(b"\n", b"-")
        yield base64.b64encode(draw.randbytes(48))[:45] + b"\n" + b"A" * 20


def ask(texts):
    answer = subprocess.run(
        [os.path.join(os.environ["UNIT_PROGRAMS"], "form")],
        input="".join(text.hex() + "\n" for text in texts), text=True,
        stdout=subprocess.PIPE, check=True).stdout.split()
    assert len(answer) == len(texts)
    return answer


def report(number, wrong, what):
    print("not ok" if wrong else "ok", number, "-", what)
    for name in wrong[:20]:
        print(f"# {name}")


def main():
    offered = [(f"{kind}: {name}", text) for kind, key in KEYS.items()
               for name, text in forms(key)]
    answers = ask([text for _, text in offered])
    good = list(good_secrets(4000))
    others = list(other_secrets())
    known = list(bare())
    print("1..5")
    report(1, [name for (name, _), said in zip(offered, answers)
               if said != "000"],
           f"of {len(offered)} forms of {len(KEYS)} keys none is a secret")
    names = {name.split(": ", 1)[1] for name, _ in offered}
    report(2, [] if len(names) > 40 else ["too few"],
           f"forms: {len(names)}")
    report(3, [text for text, said in zip(good, ask(good)) if said != "110"],
           f"{len(good)} good secrets are, but not an issuer's")
    report(4, [text for text, said in zip(others, ask(others))
               if said != "010"],
           f"{len(others)} other secrets are with alg=HS256")
    report(5, [text for text, said in zip(known, ask(known)) if said[0] != "0"],
           f"{len(known)} numbers and points are none by themselves")
    print(f"# LEADGEN_SEED={SEED}")


main()
