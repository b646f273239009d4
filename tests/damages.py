"""More than eighty damaged copies of data sets, and the line that tells each."""

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.damage import (
    FRAME,
    FRAMES,
    PKL,
    PNG,
    WAV,
    Command,
    Damage,
    again,
    bomb,
    cut,
    empty_folder,
    field,
    image,
    instead,
    line,
    loop,
    pickled,
    remove,
    same_picture,
    wave,
    without,
    write,
)

SMALL = Image.new("RGB", (32, 24), (200, 10, 10))
NANS = np.full(4000, np.nan, np.float32)
SPECTRUM = np.zeros((257, 22), np.float32)

OF_A_SAMPLE = [
    Damage(
        "JPEG cut short", "crema-d", cut(FRAME, 0.5), f"{FRAME}: no JPEG or PNG that can be read"
    ),
    Damage("JPEG of 0 bytes", "crema-d", write(FRAME, b""), f"{FRAME}: empty, 0 bytes"),
    Damage(
        *("error page saved as a JPEG", "crema-d"),
        write(FRAME, b"<html><body>404 Not Found</body></html>"),
        f"{FRAME}: no JPEG or PNG",
    ),
    Damage(
        *("GIF named as a JPEG", "crema-d", image(FRAME, SMALL, "gif")),
        f"{FRAME}: no JPEG or PNG",
    ),
    Damage(
        *("moving PNG", "crema-d"),
        image(FRAME, SMALL, save_all=True, append_images=[Image.new("RGB", (32, 24))]),
        f"{FRAME}: a moving picture; allowed: one frame",
    ),
    Damage(
        *("16-bit grey PNG", "crema-d", image(FRAME, Image.new("I;16", (32, 24), 999))),
        f"{FRAME}: pixels of mode I;16; allowed: 8 bits a channel",
    ),
    Damage(
        *("image bomb", "crema-d", write(FRAME, bomb(30000))),
        f"{FRAME}: too many pixels; allowed: at most 67108864",
    ),
    Damage(
        *("large image", "crema-d", write(FRAME, bomb(9000))),
        f"{FRAME}: 9000 x 9000 pixels; allowed: at most 67108864 in all",
    ),
    Damage(
        *("frames of two sizes", "crema-d", image(FRAME, Image.new("RGB", (9, 9)), "jpeg")),
        f"{FRAMES}/00001.jpg: 32 x 24 pixels; the first frame has 9 x 9",
    ),
    Damage(
        *("missing frame folder", "crema-d", remove(FRAMES)),
        f"{FRAMES}: frames cannot be read (No such file or directory)",
    ),
    Damage(
        *("empty frame folder", "crema-d", instead(FRAMES, empty_folder)),
        f"{FRAMES}: a folder without frames (.jpg, .png)",
    ),
    Damage(
        *("a file where a frame folder should be", "crema-d", instead(FRAMES, Path.touch)),
        f"{FRAMES}: frames cannot be read (Not a directory)",
    ),
    Damage("missing WAV", "crema-d", remove(WAV), f"{WAV}: cannot be read (No such file"),
    Damage("WAV of 0 bytes", "crema-d", write(WAV, b""), f"{WAV}: empty, 0 bytes"),
    Damage("WAV cut short", "crema-d", cut(WAV, 0.5), f"{WAV}: cut short (Reached EOF"),
    Damage("no WAV", "crema-d", write(WAV, b"ID3\x03mp3"), f"{WAV}: no WAV that can be read ("),
    Damage(
        *("WAV header only", "crema-d", wave(np.zeros(0, np.int16))),
        f"{WAV}: a header without samples",
    ),
    Damage(*("half a WAV header", "crema-d", cut(WAV, 0.003)), f"{WAV}: no WAV that can be read ("),
    Damage(
        *("stereo WAV", "crema-d", wave(np.zeros((4000, 2), np.int16))),
        f"{WAV}: 2 channels; allowed: 1",
    ),
    Damage(
        *("wrong rate", "crema-d", wave(np.ones(4000, np.int16), 8000)),
        f"{WAV}: 8000 Hz; allowed: 16000",
    ),
    Damage("WAV with NaN", "crema-d", wave(NANS), f"{WAV}: NaN or infinite samples"),
    Damage(
        *("float WAV beyond its range", "crema-d", wave(np.full(4000, 1.5, np.float32))),
        f"{WAV}: samples reach 1.5; allowed: -1 to 1",
    ),
    Damage(
        *("WAV of 64-bit integers", "crema-d", wave(np.ones(4000, np.int64))),
        f"{WAV}: samples of int64; allowed: PCM of 8, 16, 24 or 32 bits, float",
    ),
    Damage(
        *("symlink loop", "crema-d", instead(WAV, loop)),
        f"{WAV}: cannot be read (Too many levels of symbolic links)",
    ),
    Damage(
        *("a folder where a file should be", "crema-d", instead(WAV, empty_folder)),
        f"{WAV}: not a file; allowed: a plain file",
    ),
    Damage(
        *("a pipe where a file should be", "crema-d", instead(WAV, os.mkfifo)),
        f"{WAV}: not a file; allowed: a plain file",
    ),
    Damage(
        *("row with a missing field", "crema-d"),
        line("train.csv", lambda row: row.partition(",")[0]),
        "train.csv, line 1: 1 fields; allowed: 2, id,emotion",
    ),
    Damage(
        *("unknown label", "crema-d", line("train.csv", lambda row: row.replace(",NEU", ",BORED"))),
        "train.csv, line 1: given label 'BORED'; allowed: NEU, HAP, SAD, FEA, DIS, ANG",
    ),
    Damage(
        *("id that leaves the source", "crema-d"),
        line("train.csv", lambda row: f"../../{row}"),
        "train.csv, line 1: given id '../../1001_DFA_NEU_XX'; allowed: a plain file name",
    ),
    Damage(
        *("id that is an absolute path", "crema-d", line("train.csv", lambda row: f"/etc/{row}")),
        "train.csv, line 1: given id '/etc/1001_DFA_NEU_XX'; allowed: a plain file name",
    ),
    Damage(
        *("id with a control character", "crema-d", line("train.csv", lambda row: f"a\x00{row}")),
        "train.csv, line 1: given id 'a\\x001001_DFA_NEU_XX'; allowed: a plain file name",
    ),
    Damage(
        *("film cut short", "crema-d", cut("VideoFlash/1001_DFA_NEU_XX.flv", 0.3)),
        *("VideoFlash/1001_DFA_NEU_XX.flv: breaks off after", "video"),
    ),
    Damage(
        *("film that is none", "kinetics-sounds", write("video/k03_000000.mp4", b"<html>")),
        *("video/k03_000000.mp4: no video that can be read (", "video"),
    ),
    Damage(
        *("class number too high", "kinetics-sounds"),
        line("my_train.txt", lambda row: row.replace(",10,0", ",10,31")),
        "my_train.txt, line 1: given label '31'; allowed: 0, 1, 2",
    ),
    Damage(
        *("class number that is none", "kinetics-sounds"),
        line("my_train.txt", lambda row: row.replace(",10,0", ",10,00")),
        "my_train.txt, line 1: given label '00'; allowed: 0, 1, 2",
    ),
    Damage(
        *("frames without a sound", "kinetics-sounds-arl"),
        remove("audio/train/laughing/clip0.wav"),
        "audio/train/laughing/clip0.wav: no such file",
    ),
    Damage(
        *("a sound without frames", "kinetics-sounds-arl"),
        remove("visual/train_img/Image-01-FPS/laughing/clip0"),
        "visual/train_img/Image-01-FPS/laughing/clip0: frames cannot be read (No such file",
    ),
    Damage(
        *("class folder that class.txt does not name", "kinetics-sounds-arl"),
        lambda source: (source / "audio/train/yodelling").mkdir(),
        "visual/train_img/Image-01-FPS/yodelling: a class that class.txt does not name",
    ),
    Damage(
        *("pickle with code", "ave", pickled(Command())),
        f"{PKL}: no pickle of a numpy array (it names posix.system)",
    ),
    Damage("pickle cut short", "ave", cut(PKL, 0.5), f"{PKL}: no pickle of a numpy array ("),
    Damage(
        *("array of objects", "ave", pickled(np.array([1, None]))),
        f"{PKL}: an array of objects; allowed: an array of numbers",
    ),
    Damage(
        *("pickle of a list", "ave", pickled([1.0, 2.0])),
        f"{PKL}: a pickle of list; allowed: a numpy array",
    ),
    Damage(
        *("array of another shape", "ave", pickled(SPECTRUM.T)),
        f"{PKL}: an array of shape (22, 257); allowed: (257, 22)",
    ),
    Damage(
        *("array of texts", "ave", pickled(np.full((257, 22), "x"))),
        f"{PKL}: an array of <U1; allowed: numbers",
    ),
    Damage("NaN in an array", "ave", pickled(SPECTRUM * np.nan), f"{PKL}: NaN or infinite values"),
    Damage(
        *("row with too many fields", "ave", line("trainSet.txt", lambda row: f"{row}&1")),
        "trainSet.txt, line 1: 6 fields; allowed: 5, Category&VideoID&Quality&StartTime&EndTime",
    ),
    Damage(
        *("class that the test list does not name", "ave"),
        line("trainSet.txt", lambda row: row.replace("Church bell", "Zither")),
        "trainSet.txt, line 1: given label 'Zither'; allowed: Bark, Male speech, Church bell",
    ),
    Damage(
        *("broken line of JSON", "mvsa-single", line("train.jsonl", lambda row: row[:-9])),
        "train.jsonl, line 1: no JSON",
    ),
    Damage(
        *("JSON of another type", "mvsa-single", line("train.jsonl", lambda row: "[1, 2]")),
        "train.jsonl, line 1: a JSON list; allowed: an object",
    ),
    Damage(
        *("JSON nested too deep", "mvsa-single", line("train.jsonl", lambda row: "[" * 10**5)),
        "train.jsonl, line 1: no JSON",
    ),
    Damage(
        *("missing field", "mvsa-single", without("img")),
        "train.jsonl, line 1: no field 'img'; allowed: id, label, text, img",
    ),
    Damage(
        *("field of another type", "mvsa-single", field("text", None)),
        "train.jsonl, line 1: text is a NoneType; allowed: a text",
    ),
    Damage(
        *("unknown opinion", "mvsa-single", field("label", "mixed")),
        "train.jsonl, line 1: given label 'mixed'; allowed: ",
    ),
    Damage("empty text", "mvsa-single", field("text", " \n"), "train.jsonl: an empty text"),
    Damage(
        *("text too long", "mvsa-single", field("text", "x" * 129)),
        "train.jsonl: a text of 129 bytes; allowed: at most 128 (--text-bytes)",
    ),
    Damage(
        *("half a surrogate pair", "mvsa-single", field("text", "\ud800")),
        "train.jsonl: a text with characters that are none in UTF-8",
    ),
    Damage(
        *("picture outside of the source", "mvsa-single", field("img", "../data/1.jpg")),
        "train.jsonl, line 1: given '../data/1.jpg'; allowed: a path within the source",
    ),
    Damage(
        *("absolute path of a picture", "mvsa-single", field("img", "/etc/passwd")),
        "train.jsonl, line 1: given '/etc/passwd'; allowed: a path within the source",
    ),
    Damage(
        *("missing picture", "mvsa-single", remove("data/1.jpg")),
        "data/1.jpg: cannot be read (No such file",
    ),
    Damage(
        *("text that is no UTF-8", "mvsa-single", write("data/1.txt", b"caf\xe9")),
        *("data/1.txt: no UTF-8: byte 0xe9 at 3", "raw"),
    ),
    Damage(
        *("missing text", "mvsa-single", remove("data/1.txt")),
        *("data/1.txt: cannot be read (No such file", "raw"),
    ),
    Damage(
        *("one opinion instead of two", "mvsa-single"),
        line("labelResultAll.txt", lambda row: row.partition(",")[0], 2),
        *("labelResultAll.txt, line 2: allowed: ID, a tab, the label of the text", "raw"),
    ),
    Damage(
        *("unknown opinion of a pair", "mvsa-single"),
        line("labelResultAll.txt", lambda row: row.replace("positive", "good"), 2),
        *("labelResultAll.txt, line 2: given labels good,good; allowed: negative", "raw"),
    ),
    Damage(
        *("picture of odd width", "nyud2", image(PNG, Image.new("RGB", (55, 24)))),
        f"{PNG}: 55 pixels wide; allowed: an even width, two halves",
    ),
    Damage(
        *("name of bytes that are no UTF-8", "nyud2"),
        lambda source: shutil.copy(
            source / PNG, os.fsencode(source / "train/bathroom/") + b"/\xff.png"
        ),
        "'train/bathroom/\\udcff.png': given id 'train/bathroom/\\udcff'; allowed: printable",
    ),
    Damage("PNG cut short", "nyud2", cut(PNG, 0.5), f"{PNG}: no JPEG or PNG that can be read ("),
    Damage(
        *("class folder that train has not", "nyud2"),
        lambda source: shutil.copytree(source / "test/kitchen", source / "test/cellar"),
        "test/cellar/0003.png: given label 'cellar'; allowed: bathroom, kitchen, office",
    ),
    Damage(
        *("empty class folder", "nyud2", lambda source: (source / "train/attic").mkdir()),
        "train/attic: a folder without pictures (.png)",
    ),
]
"""Each makes one sample (or row) useless: told in one line, or skipped and counted when asked."""


TWICE = [
    Damage(
        *("id twice", "crema-d", again("train.csv", "train.csv")),
        "train.csv, line 19: given id '1001_DFA_NEU_XX' again; it is in train.csv, line 1",
    ),
    Damage(
        *("id in two splits", "crema-d", again("train.csv", "test.csv")),
        "test.csv, line 7: given id '1001_DFA_NEU_XX' again; it is in train.csv, line 1",
    ),
    Damage(
        *("clip of two events", "ave", again("trainSet.txt", "valSet.txt")),
        "valSet.txt, line 4: given id '-Cz0_Q' again; it is in trainSet.txt, line 1",
    ),
    Damage(
        *("row of JSON twice", "mvsa-single", again("train.jsonl", "dev.jsonl")),
        "dev.jsonl, line 4: picture data/1.jpg again; it is in train.jsonl, line 1",
    ),
    Damage(
        *("picture of two samples", "mvsa-single", same_picture),
        "test.jsonl, line 4: picture data/1.jpg again; it is in train.jsonl, line 1",
    ),
]
"""Rows too many: what was there before stays."""

OF_A_LIST = [
    Damage("list missing", "crema-d", remove("test.csv"), "test.csv cannot be read (No such file"),
    Damage("empty split", "crema-d", write("test.csv", b""), "its test split has no sample"),
    Damage(
        "blank split", "ave", write("valSet.txt", b"\n \n"), "its validation split has no sample"
    ),
    Damage(
        *("list that is no UTF-8", "crema-d", write("train.csv", b"a,NEU\n\xff\xfe,HAP\n")),
        "train.csv, line 2 is no UTF-8",
    ),
    Damage(
        *("list that is a folder", "crema-d", instead("train.csv", empty_folder)),
        "train.csv cannot be read (Is a directory)",
    ),
    Damage(
        *("no folder of frames", "crema-d", remove("Image-01-FPS")),
        "allowed: a folder that holds Image-01-FPS or VideoFlash",
    ),
    Damage(
        *("no names of classes", "kinetics-sounds-arl", remove("class.txt")),
        "class.txt cannot be read (No such file",
    ),
    Damage(
        *("name of a class twice", "kinetics-sounds-arl"),
        write("class.txt", b"laughing\nlaughing\n"),
        "class.txt names a class twice",
    ),
    Damage(
        *("too many classes", "ave"),
        write("testSet.txt", "".join(f"c{i}&v{i}&good&0&9\n" for i in range(29)).encode()),
        "testSet.txt names 29 classes; allowed: at most 28",
    ),
    Damage(
        *("every row unknown", "mvsa-single", write("dev.jsonl", b"{}\n")),
        "its validation split has no sample; the first of 1 faults: dev.jsonl, line 1: no field",
    ),
    Damage("no test folder", "nyud2", remove("test"), "test cannot be read (No such file"),
]
"""Each makes the whole copy useless, whatever is asked."""
