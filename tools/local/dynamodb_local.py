"""DynamoDB Local: AWS's local DynamoDB as a child process, the reference for the store's contract tests.

    python -m tools.local.dynamodb_local fetch      # download its jars with Maven into .tools/dynamodb-local

    with DynamoDBLocal.start() as server:
        server.client().list_tables()

Maven's repository serves the checksums next to the files, so `fetch` compares them with dynamodb_local.sha256. After a
change of VERSION: `cd .tools/dynamodb-local/lib && sha256sum * | sort -k2`.

It needs a JDK (Java 17 or newer, with the compiler) and `mvn` for the download. It keeps its data in memory and sends
no telemetry. LoopbackDynamo.java restricts it to the loopback interface.
"""

from __future__ import annotations

import hashlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.config import Config

from tools import ROOT
from tools.stack.clients import Credentials, local_client

LIBRARIES = ROOT / ".tools" / "dynamodb-local" / "lib"
LAUNCHER = Path(__file__).parent / "LoopbackDynamo.java"
OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""The first compiler alone: a server that lives for minutes does not repay the second one's work."""
CHECKSUMS = Path(__file__).parent / "dynamodb_local.sha256"
VERSION = "2.6.1"
JAR = LIBRARIES / f"DynamoDBLocal-{VERSION}.jar"
START_LIMIT_SECONDS = 60
KEY = Credentials("local", "local")

POM = f"""<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>fetch</artifactId>
<version>1</version><dependencies><dependency><groupId>com.amazonaws</groupId><artifactId>DynamoDBLocal</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>"""


class MissingToolError(FileNotFoundError):
    """A program that DynamoDB Local needs is missing; the message names the package to install."""


class ChecksumError(RuntimeError):
    """Downloaded files differ from the recorded checksums; they have been removed."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"these files are not those of dynamodb_local.sha256, and were removed: {', '.join(names)}")
        self.names = names


class DynamoDBLocal:
    """One running server. Call `stop()` or use it as a context manager."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.endpoint = f"http://127.0.0.1:{port}"

    @classmethod
    def start(cls) -> Self:
        """Start a server and wait until it answers. Raises MissingToolError or RuntimeError."""
        _check_java()
        if not JAR.exists():
            raise MissingToolError("DynamoDB Local is not installed: run `python -m tools.local.dynamodb_local fetch`")
        process = subprocess.Popen(
            ["java", *OPTIONS, f"-Djava.library.path={LIBRARIES}", "-cp", f"{LIBRARIES}/*", str(LAUNCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return cls(process, _port(process))

    def client(self, config: Config | None = None) -> Any:
        """Return a boto3 client of this server; the caller closes it."""
        return local_client("dynamodb", self.endpoint, KEY, config)

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def fetch() -> None:
    """Download DynamoDB Local and its dependencies into .tools. Raises MissingToolError or RuntimeError."""
    if JAR.exists():
        return
    _check_java()
    if not shutil.which("mvn"):
        raise MissingToolError("mvn is missing: on Debian, apt-get install maven")
    with tempfile.TemporaryDirectory() as folder:
        pom = Path(folder) / "pom.xml"
        pom.write_text(POM)
        target = f"-DoutputDirectory={folder}/lib"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime", target]
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(f"mvn could not fetch DynamoDB Local:\n{answer.stdout[-2000:]}")
        install(Path(folder) / "lib", LIBRARIES, CHECKSUMS.read_text())


def install(downloaded: Path, libraries: Path, checksums: str) -> None:
    """Move the downloaded files to `libraries`. Raises ChecksumError if they are not exactly those of `checksums`."""
    wanted = {name: checksum for checksum, name in (line.split() for line in checksums.splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in downloaded.iterdir()}
    if wrong := sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ChecksumError(wrong)
    shutil.rmtree(libraries, ignore_errors=True)
    libraries.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(downloaded, libraries)


def _check_java() -> None:
    java = shutil.which("java")
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False) if java else None
    if modules is None or "jdk.compiler@" not in modules.stdout:
        raise MissingToolError("a JDK (Java 17 or newer) is missing: on Debian, apt-get install default-jdk-headless")


def _port(process: subprocess.Popen[str]) -> int:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("PORT "):
                lines.put(line)
                return
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    try:
        line = lines.get(timeout=START_LIMIT_SECONDS)
    except queue.Empty:
        line = ""
    if not line:
        process.kill()
        process.communicate()
        raise RuntimeError(f"DynamoDB Local did not answer within {START_LIMIT_SECONDS} s")
    return int(line.split()[1])


def main() -> int:
    """Run the command line: `fetch`."""
    if sys.argv[1:] != ["fetch"]:
        print("usage: python -m tools.local.dynamodb_local fetch", file=sys.stderr)
        return 2
    if JAR.exists():
        return 0
    started = time.monotonic()
    print(f"· {LIBRARIES.parent.relative_to(ROOT)}: ", end="", flush=True)
    try:
        fetch()
    except (MissingToolError, RuntimeError) as error:
        print(f"not installed, {error}")
        return 1
    print(f"DynamoDB Local {VERSION} in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
