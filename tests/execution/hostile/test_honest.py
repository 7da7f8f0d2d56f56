"""What ordinary tests do works inside."""

import pytest

from fakes.attack_site import AttackSite

HONEST = {
    "files": """
        import pathlib, shutil, tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a", "b.txt")
            path.parent.mkdir()
            path.write_text("hello")
            path.touch()
            path.chmod(0o600)
            shutil.copy2(path, path.with_name("c.txt"))
            shutil.copytree(path.parent, pathlib.Path(folder, "copy"))
            path.rename(pathlib.Path(folder, "moved.txt"))
            pathlib.Path(folder, "link").symlink_to("moved.txt")
            pathlib.Path(folder, "hard").hardlink_to(pathlib.Path(folder, "moved.txt"))
            assert pathlib.Path(folder, "link").read_text() == "hello"
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
            file.truncate(0)
        """,
    "modes and times": """
        import os
        open("a", "w").close()
        os.chmod("a", 0o640)
        os.utime("a", ns=(1_000_000_007, 2_000_000_009))
        assert (os.stat("a").st_mode & 0o777, os.stat("a").st_mtime_ns) == (0o640, 2_000_000_009)
        file = os.open("a", os.O_RDONLY)
        os.fchmod(file, 0o600)
        os.utime(file, (3, 4))
        assert (os.stat("a").st_mode & 0o777, os.stat("a").st_mtime) == (0o600, 4)
        os.symlink("a", "l")
        os.utime("l", (5, 6), follow_symlinks=False)
        assert (os.lstat("l").st_mtime, os.stat("a").st_mtime) == (6, 4)
        try:
            os.chmod("missing", 0o600)
        except FileNotFoundError:
            pass
        """,
    "archives": """
        import tarfile, zipfile
        open("a", "w").write("hello")
        with tarfile.open("a.tar.gz", "w:gz") as archive:
            archive.add("a")
        with tarfile.open("a.tar.gz") as archive:
            archive.extractall("out", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        with zipfile.ZipFile("a.zip", "w") as archive:
            archive.write("a")
        """,
    "asyncio": """
        import asyncio, sys
        async def main():
            pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(input())", **pipes)
            out, _ = await process.communicate(b"hello")
            assert out == b"hello\\n"
            assert await asyncio.gather(*(asyncio.sleep(0, n) for n in range(9))) == list(range(9))
            assert await asyncio.to_thread(sum, [1, 2]) == 3
        asyncio.run(main())
        """,
    "threads": """
        import concurrent.futures, threading
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert list(pool.map(abs, range(100))) == list(range(100))
        """,
    "subprocesses": """
        import signal, subprocess, sys
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
        assert subprocess.run("echo $((1 + 1)) | cat", shell=True, capture_output=True).stdout == b"2\\n"
        process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        process.terminate()
        assert process.wait() == -signal.SIGTERM
        open("script", "w").write("#!/bin/sh\\necho $0\\n")
        import os
        os.chmod("script", 0o755)
        assert subprocess.run(["./script"], capture_output=True).stdout == b"./script\\n"
        """,
    "sqlite": """
        import sqlite3
        base = sqlite3.connect("a.db")
        base.execute("pragma journal_mode = wal")
        base.execute("create table t (x)")
        base.execute("insert into t values (1)")
        base.commit()
        assert base.execute("select * from t").fetchall() == [(1,)]
        base.close()
        """,
    "the system": """
        import ctypes, getpass, locale, mimetypes, os, platform, pwd, random
        import secrets, ssl, time, uuid, zoneinfo
        assert os.cpu_count() >= 1 and len(os.sched_getaffinity(0)) >= 1
        secrets.token_bytes(8), random.SystemRandom().random(), uuid.uuid4(), uuid.uuid1()
        open("/dev/null", "w").write("x")
        assert len(open("/dev/urandom", "rb").read(4)) == 4
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        ssl.create_default_context()
        mimetypes.guess_type("a.html")
        pwd.getpwnam("root")
        platform.platform()
        time.tzset()
        os.nice(1)
        """,
    "signals": """
        import os, signal, threading, time
        came = []
        signal.signal(signal.SIGALRM, lambda *_: came.append("alarm"))
        signal.signal(signal.SIGUSR1, lambda *_: came.append("user"))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        time.sleep(0.05)
        assert came == ["user", "user", "user", "alarm"]
        child = os.fork()
        if not child:
            time.sleep(30)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -15
        """,
    "memory": """
        import mmap
        block = mmap.mmap(-1, 50 * 1024**2)
        block[:3] = b"abc"
        data = bytearray(100 * 1024**2)
        """,
}

CONNECTING = {
    "multiprocessing": """
        import multiprocessing
        if __name__ == "__main__":
            for method in ("fork", "forkserver", "spawn"):
                context = multiprocessing.get_context(method)
                with context.Pool(2) as pool:
                    assert pool.map(abs, [-1, -2]) == [1, 2]
            queue = context.Queue()
            process = context.Process(target=print, args=("hi",))
            process.start()
            process.join()
            queue.put(1)
            assert queue.get() == 1
            with multiprocessing.Manager() as manager:
                assert manager.list([1, 2])[1] == 2
            from multiprocessing import shared_memory
            block = shared_memory.SharedMemory(create=True, size=1000)
            block.buf[0] = 1
            block.close()
            block.unlink()
        """,
    "local sockets": """
        import asyncio, os, socket
        for address in ("server.sock", os.path.abspath("other.sock")):
            with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
                server.bind(address)
                server.listen()
                client.connect(address)
                server.accept()[0].send(b"hello")
                assert client.recv(9) == b"hello"
        first, second = socket.socketpair()
        first.send(b"x")
        assert second.recv(9) == b"x"
        async def main():
            async def answer(reader, writer):
                writer.write(await reader.readline())
                writer.close()
            async with await asyncio.start_unix_server(answer, "async.sock"):
                reader, writer = await asyncio.open_unix_connection("async.sock")
                writer.write(b"hello\\n")
                assert await reader.readline() == b"hello\\n"
                writer.close()
        asyncio.run(main())
        """,
}

PYTEST = """
import pathlib, subprocess, sys
pathlib.Path("test_it.py").write_text('''
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_tmp_path(tmp_path, capfd, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("x")
    print("hello")
    assert capfd.readouterr().out == "hello\\\\n"
''')
command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
done = subprocess.run(command, capture_output=True, text=True)
assert "2 passed" in done.stdout, done
"""


@pytest.mark.parametrize("code", HONEST.values(), ids=HONEST)
def test_honest__works_inside(attack_site: AttackSite, code: str) -> None:
    outcome = attack_site.run(code)
    assert outcome.stderr.decode() == ""
    assert outcome.exit_code == 0


@pytest.mark.usefixtures("connects")
@pytest.mark.parametrize("code", CONNECTING.values(), ids=CONNECTING)
def test_honest__connects_inside(attack_site: AttackSite, code: str) -> None:
    outcome = attack_site.run(code)
    assert outcome.stderr.decode() == ""
    assert outcome.exit_code == 0


@pytest.mark.usefixtures("connects")
def test_honest__connects_by_an_abstract_name_as_an_ordinary_user_alone(attack_site: AttackSite) -> None:
    attack = """
        server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        server.bind(f"\\0honest-{os.getpid()}")
        server.listen()
        client.connect(server.getsockname())
        """
    assert attack_site.attack(attack).startswith("done" if attack_site.bot.uid else "held PermissionError")


def test_honest__pytest_runs_inside(attack_site: AttackSite) -> None:
    folder = attack_site.new_folder()
    outcome = attack_site.run(PYTEST, folder=folder, variables={"TMPDIR": str(folder), "HOME": str(folder)})
    assert outcome.stderr.decode() == ""
    assert outcome.exit_code == 0
