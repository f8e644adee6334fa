"""Ed25519 as RFC 8032 has it, and a key of the house that is made once and kept from others."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from layers.signing import house_key, key_text, public_of, read_public, sign, verifies
from twin.errors import BadFile

#: RFC 8032, section 7.1, tests 1 to 3: secret, public, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_vectors(secret: str, public: str, message: str, signature: str) -> None:
    key, text = bytes.fromhex(secret), bytes.fromhex(message)
    assert public_of(key).hex() == public and sign(key, text).hex() == signature
    assert verifies(bytes.fromhex(public), text, bytes.fromhex(signature))
    assert not verifies(bytes.fromhex(public), text + b"x", bytes.fromhex(signature))
    assert not verifies(bytes.fromhex(public), text, bytes.fromhex(signature)[:-1]) and not verifies(
        b"x" * 31, text, bytes.fromhex(signature)
    )


def test_a_house_has_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: house_key(tmp_path), range(8)))
    assert len(keys) == 1
    path = tmp_path / "keys" / "house.ed25519"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and list(path.parent.glob("house.ed25519.*")) == []
    (secret,) = keys
    assert read_public((path.parent / "house.pub").read_text(), "house.pub") == public_of(secret)


@pytest.mark.parametrize("text", ["", "nonsense!", key_text(b"x" * 31)])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadFile):
        read_public(text, "somebody.pub")
