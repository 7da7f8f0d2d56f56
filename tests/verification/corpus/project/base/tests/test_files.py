from satchel.files import atomic_write, find_up, read_settings


def test_atomic_write(tmp_path):
    assert atomic_write(tmp_path / "a.txt", "äh") == 3
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "äh"


def test_find_up(tmp_path):
    (tmp_path / "a.cfg").touch()
    assert find_up("a.cfg", tmp_path) == tmp_path / "a.cfg"


def test_read_settings(tmp_path):
    (tmp_path / "a.cfg").write_text("a = 1  # one\nb = two\n")
    assert read_settings(tmp_path / "a.cfg") == {"a": "1", "b": "two"}
