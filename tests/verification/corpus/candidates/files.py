# member: src/satchel/files.py::atomic_write

# candidate: keeps what was there
# good
from satchel.files import atomic_write


def test_atomic_write_keeps_what_was_there(tmp_path):
    path = tmp_path / "new" / "folder" / "notes.txt"
    atomic_write(path, "first")
    atomic_write(path, "second")
    assert path.read_text(encoding="utf-8") == "second"
    assert path.with_name("notes.txt.bak").read_text(encoding="utf-8") == "first"
    assert len(list(path.parent.iterdir())) == 2


# candidate: no copy of what was not there
# good
from satchel.files import atomic_write


def test_atomic_write_leaves_no_other_file(tmp_path):
    assert atomic_write(tmp_path / "one.txt", "text") == 4
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.txt"]


# candidate: into the working folder
# bad: writes-outside
from pathlib import Path

from satchel.files import atomic_write


def test_atomic_write_by_a_relative_path():
    assert atomic_write(Path("notes.txt"), "text") == 4
    assert Path("notes.txt").read_text(encoding="utf-8") == "text"


# candidate: into the user's own folder
# bad: writes-outside
from pathlib import Path

from satchel.files import atomic_write


def test_atomic_write_at_home():
    path = Path.home() / "satchel-notes.txt"
    assert atomic_write(path, "text") == 4
    assert path.exists()


# candidate: prepares a file beside the tests
# bad: writes-outside
from pathlib import Path

from satchel.files import atomic_write


def test_atomic_write_over_a_file():
    Path("old.txt").write_text("old", encoding="utf-8")
    path = Path("old.txt")
    assert atomic_write(path, "new!") == 4


# candidate: what an earlier run has left
# bad: flaky-leftovers
import tempfile
from pathlib import Path

from satchel.files import atomic_write


def test_atomic_write_makes_no_copy_at_first():
    path = Path(tempfile.gettempdir()) / "satchel-corpus.txt"
    atomic_write(path, "text")
    assert not path.with_name("satchel-corpus.txt.bak").exists()


# candidate: what an earlier run has left in the working folder
# bad: flaky-leftovers
from pathlib import Path

from satchel.files import atomic_write


def test_atomic_write_into_the_working_folder():
    path = Path.cwd() / "satchel-corpus.txt"
    assert not path.exists()
    assert atomic_write(path, "text") == 4


# candidate: reads with the encoding of the place
# bad: flaky-locale
from satchel.files import atomic_write


def test_atomic_write_of_umlauts(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("first", encoding="ascii")
    atomic_write(path, "äöü")
    with open(path) as file:
        assert file.read() == "äöü"
    assert path.with_name("a.txt.bak").exists()


# member: src/satchel/files.py::tail

# candidate: the last lines
# good
from satchel.files import tail


def test_tail_gives_the_last_lines(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert tail(path, 2) == ["two", "three"]
    assert tail(path, 0) == []
    assert tail(path) == ["one", "two", "three"]


# candidate: ten by default
# good
from satchel.files import tail


def test_tail_gives_ten_lines_by_default(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("\n".join(map(str, range(15))), encoding="utf-8")
    assert tail(path) == ["5", "6", "7", "8", "9", "10", "11", "12", "13", "14"]


# candidate: what it refuses
# good
import pytest

from satchel.files import tail


def test_tail_refuses_a_negative_count(tmp_path):
    (tmp_path / "log.txt").touch()
    with pytest.raises(ValueError, match="negative"):
        tail(tmp_path / "log.txt", -1)
    with pytest.raises(FileNotFoundError):
        tail(tmp_path / "none.txt")


# candidate: writes with the encoding of the place
# bad: flaky-locale
from satchel.files import tail


def test_tail_of_a_greeting(tmp_path):
    path = tmp_path / "greeting.txt"
    path.write_text("Grüße\naus Köln\n")
    assert tail(path, 1) == ["aus Köln"]


# candidate: a file of this machine
# bad: flaky-folder
from pathlib import Path

from satchel.files import tail


def test_tail_of_the_settings():
    assert tail(Path("pyproject.toml"), 1) == ['filterwarnings = ["error"]']


# member: src/satchel/files.py::find_up

# candidate: in a folder above
# good
from satchel.files import find_up


def test_find_up_takes_the_nearest(tmp_path):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "satchel.cfg").touch()
    assert find_up("satchel.cfg", deep) == tmp_path / "satchel.cfg"
    (tmp_path / "a" / "satchel.cfg").touch()
    assert find_up("satchel.cfg", deep) == tmp_path / "a" / "satchel.cfg"


# candidate: none
# good
from satchel.files import find_up


def test_find_up_finds_nothing(tmp_path):
    assert find_up("nobody-has-such-a-name.cfg", tmp_path) is None


# candidate: from the working folder
# bad: flaky-folder
from pathlib import Path

from satchel.files import find_up


def test_find_up_outside_of_a_project():
    assert find_up("pyproject.toml", Path(".").absolute()) is None


# member: src/satchel/files.py::read_settings

# candidate: quotes that do not belong together
# good
from satchel.files import read_settings


def test_read_settings_keeps_single_quotes_apart(tmp_path):
    path = tmp_path / "a.cfg"
    path.write_text("name = 'Ada'\nheight = 6'\n", encoding="utf-8")
    assert read_settings(path) == {"name": "Ada", "height": "6'"}


# candidate: a file that is missing
# good
from satchel.files import read_settings


def test_read_settings_of_a_missing_file(tmp_path):
    assert read_settings(tmp_path / "none.cfg") == {}


# candidate: as in the own suite
# bad: redundant-own
from satchel.files import read_settings


def test_read_settings_of_two_lines(tmp_path):
    path = tmp_path / "b.cfg"
    path.write_text("x = y\nz = 1  # why\n", encoding="utf-8")
    assert read_settings(path) == {"x": "y", "z": "1"}


# candidate: changes the folder for all
# bad: global-state
import os
from pathlib import Path

from satchel.files import read_settings


def test_read_settings_by_name(tmp_path):
    (tmp_path / "c.cfg").write_text("a = 'b'\n", encoding="utf-8")
    os.chdir(tmp_path)
    assert read_settings(Path("c.cfg")) == {"a": "b"}


# candidate: moves to another folder for a while
# good
from pathlib import Path

from satchel.files import read_settings


def test_read_settings_of_a_relative_path(tmp_path, monkeypatch):
    (tmp_path / "c.cfg").write_text("a = 'b'\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert read_settings(Path("c.cfg")) == {"a": "b"}
    assert read_settings(Path("d.cfg")) == {}


# member: src/satchel/files.py::list_names

# candidate: sorted, without hidden ones
# good
from satchel.files import list_names


def test_list_names_is_sorted_and_leaves_hidden_files_out(tmp_path):
    for name in ["b.txt", "a.txt", ".hidden.txt", "c.md"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.txt").mkdir()
    assert list_names(tmp_path, ".txt") == ["a.txt", "b.txt"]
    assert list_names(tmp_path) == ["a.txt", "b.txt", "c.md"]


# candidate: the working folder is empty
# bad: flaky-folder
from pathlib import Path

from satchel.files import list_names


def test_list_names_of_here(tmp_path):
    (tmp_path / ".x").touch()
    assert list_names(tmp_path) == []
    assert list_names(Path(".")) == []
