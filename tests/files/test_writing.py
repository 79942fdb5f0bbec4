"""Files that are there whole or not at all: names beside, links, permissions, folders, full disks, files kept now and then."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from gradcheck.errors import BadDocument, OutputFailed
from gradcheck.files import writing
from gradcheck.files.journal import Journal
from gradcheck.files.writing import Keeper, check, folder, write


def full(monkeypatch):
    """Make the disk full."""

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def test_whole(tmp_path):
    """Text and bytes are there, nothing is beside them, and the permissions are those of a new file."""
    (tmp_path / "new").write_text("")
    for data in ("text é", b"bytes"):
        write(tmp_path / "r.json", data)
        assert (tmp_path / "r.json").read_bytes() == (data if isinstance(data, bytes) else data.encode())
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == stat.S_IMODE((tmp_path / "new").stat().st_mode)
    assert {p.name for p in tmp_path.iterdir()} == {"new", "r.json"}


def test_nothing_is_written_through_a_link(tmp_path):
    """A link of the name that others used for what is beside, or of the file itself, leads nobody to its victim."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("r.json.partial", "r.json.journal", "link.json"):
        (tmp_path / name).symlink_to(victim)
    write(tmp_path / "r.json", "result")
    for act in (lambda: write(tmp_path / "link.json", "result"), lambda: check(tmp_path / "link.json"), lambda: Journal(tmp_path / "r.json.journal", {})):
        with pytest.raises(OutputFailed, match="got a link"):
            act()
    assert victim.read_text() == "precious"


def test_two_writers_of_one_file(tmp_path):
    """Each writes a file of its own; the one that stands in the end is whole."""
    texts = [str(k) * 10**5 for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write(tmp_path / "r.json", text), texts * 4))
    assert (tmp_path / "r.json").read_text() in texts
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk(tmp_path, monkeypatch):
    """The file that was there is left, and nothing beside it; keeping now and then goes on with a remark."""
    write(tmp_path / "r.json", "old")
    keeper = Keeper(tmp_path / "r.json")
    full(monkeypatch)
    with pytest.raises(OutputFailed, match="No space left"):
        write(tmp_path / "r.json", "new")
    keeper(lambda: "newer")
    assert "No space left" in keeper.remark
    assert (tmp_path / "r.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("make", [lambda p: p / "gone" / "r.json", lambda p: p, lambda p: p / "r\0.json", lambda p: p / ("r" * 300), lambda p: p / "pipe"])
def test_what_cannot_be_written(make, tmp_path):
    """No folder, a folder, impossible names, a FIFO: known before any work, and told in our own words."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    path = make(tmp_path)
    for act in (check, lambda p: write(p, "text")):
        with pytest.raises(OutputFailed, match="expected"):
            act(path)


def test_half_a_character(tmp_path):
    """Text that cannot be encoded is told, and leaves nothing behind."""
    with pytest.raises(OutputFailed, match="surrogates"):
        write(tmp_path / "r.txt", "\ud800")
    assert not list(tmp_path.iterdir())


def test_keeping_takes_its_share(tmp_path, monkeypatch):
    """The first time at once, then not before its time, so that writing takes a part of it at most."""
    now = [100.0]
    monkeypatch.setattr(writing.time, "monotonic", lambda: now[0])
    keeper, kept = Keeper(tmp_path / "r"), []

    def slow():
        kept.append(now[0])
        now[0] += 1.0
        return "text"

    for _ in range(400):
        keeper(slow)
        now[0] += 0.25
    assert kept[0] == 100.0
    assert all(b - a >= 1 / writing.KEEP_SHARE for a, b in pairwise(kept))
    assert len(kept) == 5


def _interrupted(path):
    with folder(path) as made:
        (made / "c").write_text("3")
        raise KeyboardInterrupt


def test_folders(tmp_path, monkeypatch):
    """A folder is there with all that is in it, or not at all; what was left by one that was killed is not in the way."""
    (tmp_path / ".set.0123456789abcdef.partial").mkdir()
    with folder(tmp_path / "set") as made:
        (made / "a").write_text("1")
        assert not (tmp_path / "set").exists()
    assert (tmp_path / "set" / "a").read_text() == "1"
    (tmp_path / "empty").mkdir(mode=0o700)
    with folder(tmp_path / "empty") as made:
        (made / "b").write_text("2")
    assert stat.S_IMODE((tmp_path / "empty").stat().st_mode) == 0o700
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "third")
    assert {p.name for p in tmp_path.iterdir()} == {"set", "empty", ".set.0123456789abcdef.partial"}
    with pytest.raises(OutputFailed, match="empty or not there"), folder(tmp_path / "set"):
        pass
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "empty" / "b").unlink()
    with pytest.raises(OutputFailed, match="the current one"), folder(tmp_path / "empty"):
        pass


def test_journals(tmp_path, monkeypatch):
    """What was kept is there again, but for a line that was cut off; a full disk ends the journal and not the work."""
    path = tmp_path / "j"
    with Journal(path, {"seed": 1}) as journal:
        journal.add("a", [1])
        journal.add("b", {"x": None})
    path.write_text(path.read_text() + '["c", [')
    with Journal(path, {"seed": 1}, resume=True) as journal:
        assert journal.found == {"a": [1], "b": {"x": None}}
        monkeypatch.setattr(os, "write", lambda descriptor, data: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        journal.add("c", 3)
        journal.add("d", 4)
        assert "No space left" in journal.remark
    monkeypatch.undo()
    with Journal(path, {"seed": 1}, resume=True) as journal:
        assert set(journal.found) == {"a", "b"}
    with pytest.raises(BadDocument, match="another's"):
        Journal(path, {"seed": 2}, resume=True)
    with Journal(path, {"seed": 2}) as journal:
        assert not journal.found
