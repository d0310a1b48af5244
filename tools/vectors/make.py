#!/usr/bin/env python3
"""Writes the reference vectors and the generated tables, byte for byte the same on every run.

    python3 tools/vectors/make.py              write every file
    python3 tools/vectors/make.py --check      compare with the files that are there; exit 1 on any difference
    python3 tools/vectors/make.py cdf_table …  only these modules

One module of `modules/` makes one file: it has a constant FILE (path from the repository's root) and a function build() that returns its
text. The references come from the packages of requirements.txt, in a virtual environment under target/.
"""
import argparse
import hashlib
import importlib
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = [
    "cdf_table",
    "fixed_math",
    "normal_table",
    "normal",
    "black76",
    "greeks",
    "volatility",
    "scenario",
]


def enter_environment():
    """Starts this script again inside the virtual environment, made anew when requirements.txt has changed."""
    environment = ROOT / "target" / "vectors"
    python = environment / "bin" / "python"
    if pathlib.Path(sys.prefix) == environment:
        return
    stamp = environment / "requirements.sha256"
    wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    os.execv(python, [str(python), str(HERE / "make.py"), *sys.argv[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="modules to run (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    arguments = parser.parse_args()
    unknown = set(arguments.modules) - set(MODULES)
    if unknown:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    enter_environment()
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE))
    differing = []
    for name in arguments.modules or MODULES:
        module = importlib.import_module(f"modules.{name}")
        path = ROOT / module.FILE
        text = module.build().encode()
        same = path.exists() and path.read_bytes() == text
        if not same and arguments.check:
            differing.append(module.FILE)
        if not same and not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        print(f"{'same' if same else 'differs' if arguments.check else 'written'}  {len(text):>7} bytes  {module.FILE}", flush=True)
    if differing:
        sys.exit("these differ from what the references give: " + ", ".join(differing))


if __name__ == "__main__":
    main()
