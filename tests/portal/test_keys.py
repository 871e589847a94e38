from pathlib import Path

from portal.keys import MAKERS, ensure_keys


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "keys")
    assert set(keys) == set(MAKERS)
    first = {name: path.read_bytes() for name, path in keys.items()}
    assert len(set(first.values())) == len(first)
    assert {path.stat().st_mode & 0o777 for path in keys.values()} == {0o600}
    assert {name: path.read_bytes() for name, path in ensure_keys(tmp_path / "keys").items()} == first
    assert not list((tmp_path / "keys").glob(".*")), "no half-written key is left behind"
