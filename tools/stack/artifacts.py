"""Inspection of a `sam build`: sizes, machine code, packages, bytecode. `make build` prints the report.

    python -m tools.stack.artifacts                          # .aws-sam/build, for Lambda
    python -m tools.stack.artifacts .aws-sam/local local     # built with BUILD_TARGET=local

`complete(build)` first extends the built template by `app/` and starts the assistant from the build's files.

`inspect(build, target)` returns a report. Its `faults` name everything that would fail on Lambda: a missing package of
the lock, machine code for another architecture, a runtime layer without AWS's C client, artifacts over the size limit.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from tools import ROOT
from tools.app.folder import PACKAGE, App, AppError, extended
from tools.app.imports import check
from tools.stack.template import TEMPLATE, read_template

BUILD = ROOT / ".aws-sam" / "build"
FUNCTIONS = {
    "ChatFunction": ("StreamingLayer", "DependenciesLayer"),
    "JanitorFunction": ("DependenciesLayer",),
    "SignInFunction": (),
}
LAYERS = {"StreamingLayer": "streaming.txt", "DependenciesLayer": "functions.txt"}
# "250 MB: function and all layers, unzipped" https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
MARK = "AppFolder"
"""Metadata of a built template that app/ has extended."""
JUNK = frozenset({"tests", "node_modules", ".git", ".venv", ".pytest_cache", ".ruff_cache", "bin"})
JUNK_FILES = frozenset({"Makefile", ".env", "samconfig.toml", "template.yaml"})


@dataclass(frozen=True)
class Target:
    """The machine that will run the artifacts, and the environment for the lock's markers."""

    elf_machine: int
    python: tuple[int, int]
    markers: dict[str, str]


def _markers(python: tuple[int, int], machine: str) -> dict[str, str]:
    version = f"{python[0]}.{python[1]}"
    return {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }


ELF_MACHINES = {"x86_64": 62, "aarch64": 183}


def target_of(name: str) -> Target:
    """Return the target `lambda` or `local`. LAMBDA_PYTHON replaces the default of the parameter PythonVersion."""
    if name == "local":
        here = (sys.version_info.major, sys.version_info.minor)
        return Target(ELF_MACHINES[platform.machine()], here, _markers(here, platform.machine()))
    version = os.environ.get("LAMBDA_PYTHON") or read_template()["Parameters"]["PythonVersion"]["Default"]
    major, minor = map(int, version.split("."))
    return Target(ELF_MACHINES["aarch64"], (major, minor), _markers((major, minor), "aarch64"))


@dataclass(frozen=True)
class Report:
    """Size of each artifact in bytes, whether all modules are compiled, and the faults."""

    sizes: dict[str, int]
    compiled: bool
    faults: tuple[str, ...]


def inspect(build: Path = BUILD, target: Target | None = None) -> Report:
    """Inspect `build`, by default one for Lambda. Raises FileNotFoundError when an artifact is missing."""
    target = target or target_of("lambda")
    names = (*FUNCTIONS, *LAYERS)
    for name in names:
        if not (build / name).is_dir():
            raise FileNotFoundError(f"{name} is not built: run `make build`")
    faults = [
        *(fault for name in names for fault in _junk(build / name)),
        *(fault for name in names for fault in _foreign_machine_code(build / name, target)),
        *(fault for name, lock in LAYERS.items() for fault in _missing_packages(build / name, lock, target)),
        *(fault for name, layers in FUNCTIONS.items() for fault in _missing_imports(build, name, layers)),
        *(fault for name in FUNCTIONS for fault in _missing_handler(build / name)),
        *_hidden_modules(build),
        *_runtime_layer(build / "StreamingLayer"),
    ]
    sizes = {name: sum(file.stat().st_size for file in _files(build / name)) for name in names}
    for name, layers in FUNCTIONS.items():
        if (total := sizes[name] + sum(sizes[layer] for layer in layers)) > MAX_UNZIPPED_BYTES:
            faults.append(
                f"{name} with its layers is {total} bytes, more than {MAX_UNZIPPED_BYTES}: app/requirements.txt names "
                "the packages that you can do without"
            )
    compiled = all(_is_compiled(build / name, target) for name in names)
    return Report(sizes, compiled, tuple(faults))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _junk(artifact: Path) -> Iterator[str]:
    for path in artifact.rglob("*"):
        if path.name in (JUNK if path.is_dir() else JUNK_FILES) or path.is_symlink():
            yield f"{path.relative_to(artifact.parent)} must not be shipped"


def _foreign_machine_code(artifact: Path, target: Target) -> Iterator[str]:
    for library in artifact.rglob("*.so*"):
        header = library.read_bytes()[:20]
        machine = int.from_bytes(header[18:20], "little") if header[:4] == b"\x7fELF" else 0
        if machine != target.elf_machine:
            yield f"{library.relative_to(artifact.parent)} is for ELF machine {machine}, not {target.elf_machine}"


def _missing_packages(layer: Path, lock: str, target: Target) -> Iterator[str]:
    installed = {info.name.removesuffix(".dist-info").lower() for info in (layer / "python").glob("*.dist-info")}
    for name, version in locked_packages(ROOT / "requirements" / lock, target).items():
        if f"{name}-{version}" not in installed:
            yield f"{layer.name} lacks {name} {version} of requirements/{lock}"


def locked_packages(lock: Path, target: Target) -> dict[str, str]:
    """Return the lock's packages for `target`: name as in a .dist-info folder → version."""
    wanted: dict[str, str] = {}
    for line in lock.read_text().splitlines():
        if not line or line.startswith((" ", "#")):
            continue
        requirement = Requirement(line.removesuffix("\\").strip())
        if requirement.marker is None or requirement.marker.evaluate(target.markers):
            name = re.sub(r"[-_.]+", "_", requirement.name).lower()
            wanted[name] = str(requirement.specifier).removeprefix("==")
    return wanted


def _missing_imports(build: Path, function: str, layers: tuple[str, ...]) -> Iterator[str]:
    folders = [build / function, *(build / layer / "python" for layer in layers)]
    for source in sorted((build / function).rglob("*.py")):
        for module in sorted(imported_modules(source)):
            if module not in sys.stdlib_module_names and not any(_holds(folder, module) for folder in folders):
                yield f"{source.relative_to(build)} imports {module}, which is not shipped{_remedy(source, build)}"


def _remedy(source: Path, build: Path) -> str:
    own = PACKAGE in source.relative_to(build).parts
    return ": add its package to app/requirements.txt, or move the module into app/" if own else ""


def imported_modules(source: Path) -> set[str]:
    """Return the top-level names of all absolute imports in `source`.

    Without those under `if TYPE_CHECKING`, and those in a `try` that handles their absence.
    """
    modules: set[str] = set()
    pending: list[ast.AST] = [ast.parse(source.read_bytes())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
        elif isinstance(node, ast.Try) and any(
            "Import" in ast.unparse(each.type) for each in node.handlers if each.type
        ):
            pending.extend((*node.handlers, *node.orelse, *node.finalbody))
        else:
            pending.extend(ast.iter_child_nodes(node))
    return modules


def _holds(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or (folder / f"{module}.py").exists() or any(folder.glob(f"{module}.*.so"))


def _hidden_modules(build: Path) -> Iterator[str]:
    """Yield modules of the layer that one of the function hides, because Lambda imports the function's first."""
    own = {path.stem for path in (build / "ChatFunction").iterdir()}
    for path in sorted((build / "DependenciesLayer" / "python").iterdir()):
        if path.name.partition(".")[0] in own and not path.name.endswith(".dist-info"):
            yield f"a package of the layer contains {path.name}, which the function's own module of this name hides"


def _missing_handler(function: Path) -> Iterator[str]:
    handler: str = read_template()["Resources"][function.name]["Properties"]["Handler"]
    module, _, name = handler.rpartition(".")
    if not (function / module.replace(".", "/")).with_suffix(".py").exists():
        yield f"{function.name} lacks {module}, which holds its handler {name}"


def _runtime_layer(layer: Path) -> Iterator[str]:
    bootstrap = layer / "bootstrap"
    if not bootstrap.exists() or not bootstrap.stat().st_mode & 0o111:
        yield "StreamingLayer/bootstrap is missing or not executable"
    # awslambdaric imports it as a top-level module; if it is missing, the import silently becomes None.
    if not any((layer / "python").glob("runtime_client.*.so")):
        yield "StreamingLayer/python lacks runtime_client, awslambdaric's C extension"


def _is_compiled(artifact: Path, target: Target) -> bool:
    tag = f"cpython-{target.python[0]}{target.python[1]}"
    return all(
        (source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc").exists() for source in artifact.rglob("*.py")
    )


def unchecked(bytecode: Path) -> bool:
    """Return whether Python loads a .pyc without checking its source: hash-based and unchecked (PEP 552)."""
    return int.from_bytes(bytecode.read_bytes()[4:8], "little") == 0b01


def complete(build: Path = BUILD, target: Target | None = None, app: App | None = None) -> Report:
    """Extend the built template by `app`, inspect the build, and start the assistant from its files."""
    template = read_template(build / TEMPLATE.name)
    if app and MARK not in template["Metadata"]:
        template = extended(template, app)
        template["Metadata"][MARK] = True
        (build / TEMPLATE.name).write_text(yaml.safe_dump(template, sort_keys=False, allow_unicode=True))
    report = inspect(build, target)
    factory = app.settings["ASSISTANT"] if app else template["Parameters"]["Assistant"]["Default"]
    faults = report.faults or tuple(check(build, factory, app.variables("prod") if app else {}))
    return replace(report, faults=faults)


def main() -> int:
    """Print the report of a build; return 1 if the build has faults."""
    build = Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD
    target = target_of(sys.argv[2] if len(sys.argv) > 2 else "lambda")
    try:
        app = App.read()
        if app:
            app.parameters(read_template())
        report = complete(build, target, app)
    except AppError as error:
        Console(stderr=True).print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
        return 1
    table = Table("artifact", "MB unzipped")
    for name, size in report.sizes.items():
        table.add_row(name, f"{size / 1e6:.1f}")
    console = Console()
    console.print(table)
    if not report.compiled:
        version = ".".join(map(str, target.python))
        console.print(
            f"The modules are not compiled: this machine has no Python {version}. Cold starts take about twice as "
            f"long. Run `.venv/bin/uv python install {version}`, then build again."
        )
    for fault in report.faults:
        console.print(f"✗ {fault}", style="red", markup=False, highlight=False, soft_wrap=True)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
