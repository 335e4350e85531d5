"""Runs a WASI program: run.py COMPONENT FOLDER. The folder is `out` to it."""

import sys

from wasmtime import Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

component, folder = sys.argv[1:]
engine = Engine()
wasi = WasiConfig()
wasi.inherit_stdout()
wasi.inherit_stderr()
wasi.preopen_dir(folder, "out")
store = Store(engine)
store.set_wasi(wasi)
linker = Linker(engine)
linker.add_wasip2()
program = Component.from_file(engine, component)
instance = linker.instantiate(store, program)
versions = (program.get_export_index(f"wasi:cli/run@0.2.{patch}") for patch in range(20))
command = next(index for index in versions if index)
instance.get_func(store, program.get_export_index("run", command))(store)
