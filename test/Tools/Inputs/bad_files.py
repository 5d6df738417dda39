"""bad_files.py FOLDER GOOD.pt2 GOOD.pt GOOD.vmfb: writes files that are not what their names say."""
import os
import pathlib
import pickle
import random
import sys
import zipfile

folder, good = pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
folder.mkdir(exist_ok=True)
random.seed(0)


def write(name, data):
    (folder / name).write_bytes(data)


def zip_file(name, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(folder / name, "w", compression) as archive:
        for member, data in members:
            archive.writestr(member, data)


for suffix in ("pt2", "pt", "mlir", "vmfb"):
    write(f"empty.{suffix}", b"")
    write(f"random.{suffix}", random.randbytes(5000))
    write(f"text.{suffix}", b"this is no model\n")
    write(f"pickle.{suffix}", pickle.dumps({"weight": os.getcwd}))
    zip_file(f"document.{suffix}", [("word/document.xml", "<document/>")])
for path in good:
    data = path.read_bytes()
    for part in (1, 3, 5, 7):
        write(f"cut{part}{path.suffix}", data[: len(data) * part // 8])
    write(f"tail{path.suffix}", data[len(data) // 2:])

# Archives with members that no writer of models makes.
with zipfile.ZipFile(good[0]) as archive:
    members = [(name, archive.read(name)) for name in archive.namelist()]
root = members[0][0].split("/")[0]
zip_file("leaves.pt2", [(f"{root}/../../{name.split('/', 1)[1]}", data) for name, data in members])
zip_file("outside.pt2", members + [("../outside.txt", b"x")])
zip_file("compressed.pt2", members, zipfile.ZIP_DEFLATED)
zip_file("headless.pt2", [(name, data) for name, data in members if not name.endswith("model.json")])
zip_file("nonsense.pt2", [(name, b"{]" if name.endswith(".json") else data) for name, data in members])
