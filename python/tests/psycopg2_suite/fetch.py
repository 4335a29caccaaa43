"""Fetches psycopg2's source distribution for its tests, and unpacks it into a folder.

It is LGPL: it is run, and never becomes a part of this repository.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "2.9.13"
SHA256 = "d36784fc2dae69523ba4b79c7d1d1b4d6e83e87836874f111262f4db940b16a6"


def main() -> None:
    """Leave ``psycopg2-VERSION`` in the folder that is named, unless it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder.resolve()
    if not (folder / f"psycopg2-{VERSION}" / "tests").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            unpack(download(Path(scratch)), Path(scratch), folder)
    print(folder / f"psycopg2-{VERSION}" / "tests")


def download(scratch: Path) -> Path:
    """Have pip download it, from whatever index pip is set up for."""
    # pip asks the package for its metadata, and its setup asks pg_config for a version.
    stub = scratch / "bin" / "pg_config"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\necho PostgreSQL 18.0\n", encoding="utf-8")
    stub.chmod(0o755)
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(stub.parent), environment.get("PATH", "")])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--dest", str(scratch)]
    subprocess.run([*command, f"psycopg2=={VERSION}"], env=environment, check=True)
    return scratch / f"psycopg2-{VERSION}.tar.gz"


def unpack(archive: Path, scratch: Path, folder: Path) -> None:
    """Unpack the archive if it is the one that is known, and put it in place as a whole."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{archive.name} has the digest {digest}, wanted {SHA256}")
    with tarfile.open(archive) as files:
        files.extractall(scratch / "unpacked")
    target = folder / f"psycopg2-{VERSION}"
    shutil.rmtree(target, ignore_errors=True)
    (scratch / "unpacked" / target.name).rename(target)


if __name__ == "__main__":
    main()
