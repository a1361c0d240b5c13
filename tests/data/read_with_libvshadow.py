"""Reads volumes with libvshadow and holds what it shows against what is expected.

Called with the path of a manifest: {"volumes": [{"name", "image", "copies": [{"store", "id", "set", "created", "size",
"redirected", "runs": [[offset, length] ...], "reference"}]}]}. Files are named relative to the manifest. The reference of a copy
holds the bytes of its runs, one after the other. Says each volume before it is opened, so that a crash has a name; then one line
`wrong: ...` for each thing that is not as expected; at the end `done: VIEWS BLOCKS`.
"""

import json
import os
import sys

import pyvshadow

PIECE = 1 << 20
BLOCK = 16384
SECTOR = 512


def wrong(*words):
    print("wrong:", *words, flush=True)


def read(store, offset, count):
    """Reads whole sectors: a read that begins inside a sector of an overlay is a known defect of libvshadow."""
    first, end = offset // SECTOR * SECTOR, (offset + count + SECTOR - 1) // SECTOR * SECTOR
    found = store.read_buffer_at_offset(end - first, first)
    return found[offset - first : offset - first + count]


def compare(name, store, copy, reference):
    """Compares the runs of a copy. Gives how many blocks of 16 KiB were compared."""
    bad, blocks = [], 0
    for offset, length in copy["runs"]:
        end = offset + length
        blocks += (end - 1) // BLOCK - offset // BLOCK + 1
        while offset < end:
            count = min(PIECE, end - offset)
            expected = reference.read(count)
            found = read(store, offset, count)
            if len(expected) != count:
                raise EOFError("the reference of %s is too short" % name)
            if found != expected:
                for at in range(0, count, SECTOR):
                    if found[at : at + SECTOR] != expected[at : at + SECTOR]:
                        bad.append(offset + at)
            offset += count
    if bad:
        places = ", ".join("%#x (block %d)" % (at, at // BLOCK) for at in bad[:4])
        wrong(name, "shows other bytes in", len(bad), "sectors, first at", places)
    return blocks


def check_copy(folder, name, store, copy):
    found = {
        "store": store.get_identifier(),
        "created": store.get_creation_time_as_integer(),
        "size": store.get_volume_size(),
    }
    found["id"] = store.get_copy_identifier()
    found["set"] = store.get_copy_set_identifier()
    if copy["redirected"]:
        # libvshadow reads nothing from another volume, so it need not know the ids that lie there. What it says must be right.
        found = {field: value for field, value in found.items() if value is not None}
    for field, value in found.items():
        if value != copy[field]:
            wrong(name, field, "is", value, "and should be", copy[field])
    if copy["redirected"]:
        return 0
    with open(os.path.join(folder, copy["reference"]), "rb") as reference:
        return compare(name, store, copy, reference)


def check_volume(folder, entry):
    volume = pyvshadow.volume()
    volume.open(os.path.join(folder, entry["image"]))
    try:
        count = volume.get_number_of_stores()
        if count != len(entry["copies"]):
            wrong(entry["name"], "has", count, "copies and should have", len(entry["copies"]))
        views = blocks = 0
        for index in range(min(count, len(entry["copies"]))):
            name = "%s copy %d" % (entry["name"], index)
            try:
                copy = entry["copies"][index]
                blocks += check_copy(folder, name, volume.get_store(index), copy)
                views += not copy["redirected"]
            except OSError as error:
                wrong(name, "cannot be read:", error)
        return views, blocks
    finally:
        volume.close()


def main(manifest):
    with open(manifest, encoding="utf-8") as file:
        expected = json.load(file)
    folder = os.path.dirname(manifest)
    views = blocks = 0
    for entry in expected["volumes"]:
        print("volume:", entry["name"], flush=True)
        try:
            more = check_volume(folder, entry)
            views, blocks = views + more[0], blocks + more[1]
        except OSError as error:
            wrong(entry["name"], "cannot be opened:", error)
    print("done:", views, blocks, flush=True)


main(sys.argv[1])
