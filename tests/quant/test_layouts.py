# SPDX-License-Identifier: BSD-3-Clause
"""Every layout, built small with real video files, and what is wrong with a list said in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shiftcore.errors import UserError
from shiftcore.model import video
from shiftcore.quant import layouts
from shiftcore.quant.layouts import Dataset, Sample


def write(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        video.write(path, [np.full((32, 32, 3), 40 + i, np.uint8) for i in range(3)])


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


def class_folders(root: Path) -> None:
    write(root / "calm" / "a.mp4", root / "fight" / "camera 1" / "b.mp4", root / "fight" / "c.avi")
    text(root / "README.txt", "This is a data set")
    (root / "README.txt").rename(root / ".readme.txt")


def index_csv(root: Path) -> None:
    write(root / "calm" / "a.mp4", root / "fight" / "b.mp4", root / "fight" / "c.mp4")
    rows = ["calm/a.mp4,calm,s1,0", "fight/b.mp4,fight,s2,1", "fight/c.mp4,fight,s2,1"]
    text(root / "index.csv", "clip,label,source,fold", *rows)


def ucf101(root: Path) -> None:
    videos = root / "UCF-101"
    names = ["v_Archery_g01_c01.avi", "v_Archery_g01_c02.avi", "v_Archery_g08_c01.avi"]
    write(*(videos / "Archery" / name for name in names), videos / "Biking" / "v_Biking_g09_c01.avi")
    lists = root / "ucfTrainTestlist"
    text(lists / "classInd.txt", "1 Archery", "2 Biking")
    text(lists / "trainlist01.txt", "Archery/v_Archery_g08_c01.avi 1", "Biking/v_Biking_g09_c01.avi 2")
    text(lists / "testlist01.txt", *(f"Archery/{name}" for name in names[:2]))


def dcsass(root: Path) -> None:
    for clip in range(2):
        write(root / "Abuse" / "Abuse001_x264.mp4" / f"Abuse001_x264_{clip}.mp4")
    write(root / "Robbery" / "Robbery002_x264.mp4" / "Robbery002_x264_0.mp4")
    text(root / "Labels" / "Abuse.csv", "Abuse001_x264_0,Abuse,0", "Abuse001_x264_1,Abuse,1")
    text(root / "Labels" / "Robbery.csv", "Robbery002_x264_0,Robbery,1")


def kinetics(root: Path) -> None:
    write(root / "train" / "jumping jacks" / "abcdefghijk_000003_000013.mp4", root / "val" / "zzz_zzzzzzz.mp4")
    header = "label,youtube_id,time_start,time_end,split"
    text(root / "annotations" / "train.csv", header, "jumping jacks,abcdefghijk,3,13,train")
    text(root / "annotations" / "val.csv", header, '"hugging (not baby)",zzz_zzzzzzz,10,20,validate')


def jester(root: Path) -> None:
    for name in ("1", "27"):
        folder = root / "20bn-jester-v1" / name
        folder.mkdir(parents=True)
        for index in (1, 2):
            Image.new("RGB", (32, 32), (index, 0, 0)).save(folder / f"{index:05}.jpg")
    text(root / "jester-v1-labels.csv", "Swiping Left", "Stop Sign")
    text(root / "jester-v1-train.csv", "1;Swiping Left")
    text(root / "jester-v1-validation.csv", "27;Stop Sign")


def something(root: Path) -> None:
    write(root / "videos" / "4018.mp4", root / "videos" / "52.mp4")
    entry = {"id": "4018", "label": "putting a cup down", "template": "Putting [something] down"}
    (root / "labels").mkdir()
    (root / "labels" / "something-something-v2-train.json").write_text(json.dumps([entry]))
    other = {"id": "52", "template": "Taking [something] out of [something]"}
    (root / "labels" / "something-something-v2-validation.json").write_text(json.dumps([other]))


def path_labels(root: Path) -> None:
    write(root / "videos" / "a.mp4", root / "videos" / "b.mp4")
    text(root / "theft_train.txt", "videos/a.mp4 0")
    text(root / "theft_val.txt", "videos/b.mp4 1")
    text(root / "classes.txt", "normal", "shoplifting")


Expected = tuple[str, bool, list[tuple[str, str | None, str, int | None, str | None]]]
CASES: list[tuple[Callable[[Path], None], Expected]] = [
    (class_folders, ("a folder a class", False, [
        ("a", "calm", "calm/a.mp4", None, None),
        ("c", "fight", "fight/c.avi", None, None),
        ("b", "fight", "fight/camera 1/b.mp4", None, None)])),
    (index_csv, ("index.csv", True, [
        ("a", "calm", "s1", 0, None), ("b", "fight", "s2", 1, None), ("c", "fight", "s2", 1, None)])),
    (ucf101, ("UCF101", True, [
        ("v_Archery_g08_c01", "Archery", "Archery_g08", None, "train"),
        ("v_Biking_g09_c01", "Biking", "Biking_g09", None, "train"),
        ("v_Archery_g01_c01", "Archery", "Archery_g01", None, "test"),
        ("v_Archery_g01_c02", "Archery", "Archery_g01", None, "test")])),
    (dcsass, ("DCSASS", True, [
        ("Abuse001_x264_0", "normal", "Abuse001_x264", None, None),
        ("Abuse001_x264_1", "Abuse", "Abuse001_x264", None, None),
        ("Robbery002_x264_0", "Robbery", "Robbery002_x264", None, None)])),
    (kinetics, ("Kinetics", True, [
        ("abcdefghijk_000003_000013", "jumping jacks", "abcdefghijk", None, "train"),
        ("zzz_zzzzzzz", "hugging (not baby)", "zzz_zzzzzzz", None, "validation")])),
    (jester, ("Jester", False, [
        ("1", "Swiping Left", "1", None, "train"), ("27", "Stop Sign", "27", None, "validation")])),
    (something, ("Something-Something", False, [
        ("4018", "Putting something down", "4018", None, "train"),
        ("52", "Taking something out of something", "52", None, "validation")])),
    (path_labels, ("path label list", False, [
        ("a", "normal", "videos/a.mp4", None, "train"), ("b", "shoplifting", "videos/b.mp4", None, "validation")])),
]  # fmt: skip


def told(dataset: Dataset) -> Expected:
    samples = [(s.path.stem, s.label, s.source, s.fold, s.split) for s in dataset.samples]
    return dataset.layout, dataset.sources_known, samples


@pytest.mark.parametrize(("build", "expected"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_layout_is_known_and_read(build: Callable[[Path], None], expected: Expected, tmp_path: Path) -> None:
    build(tmp_path)
    dataset = layouts.read(tmp_path)
    assert told(dataset) == expected
    assert not dataset.missing and all(sample.path.exists() for sample in dataset.samples)


def test_videos_without_a_folder_have_no_label(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    assert [sample.label for sample in layouts.read(tmp_path).samples] == [None]


def test_labels_that_raise_no_alarm_are_one_class(tmp_path: Path) -> None:
    labels = ["fight", "walk", "run", "calm", None]
    samples = [Sample(tmp_path / f"{index}.mp4", label, str(index)) for index, label in enumerate(labels)]
    whole = Dataset("by hand", samples, True)
    merged = whole.with_rest("calm", ["fight"])
    assert [sample.label for sample in merged.samples] == ["fight", "calm", "calm", "calm", None]
    assert merged.classes == ["calm", "fight"] and whole.with_rest(None, ["fight"]) == whole


def test_what_is_listed_and_not_there_is_told(tmp_path: Path) -> None:
    index_csv(tmp_path)
    (tmp_path / "fight" / "b.mp4").unlink()
    dataset = layouts.read(tmp_path)
    assert dataset.missing == ["fight/b.mp4"] and len(dataset.samples) == 2


def test_a_readme_is_no_list_of_clips(tmp_path: Path) -> None:
    class_folders(tmp_path)
    text(tmp_path / "README.txt", "Clips of two classes")
    text(tmp_path / "table.csv", "one;two")
    assert layouts.read(tmp_path).layout == "a folder a class"


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("index.csv", ["clip,label", "fight/a.mp4,calm"], "line 2: fight/a.mp4 is labelled 'calm' and lies in"),
        ("index.csv", ["clip,class", "fight/a.mp4,fight"], "index.csv: has no column 'label'"),
        ("index.csv", ["clip,label,fold", "fight/a.mp4,fight,x"], "line 2: fold 'x' is no number from 0 on"),
        ("index.csv", ["clip,label", "gone.mp4,fight"], "none of its 1 listed videos is there, the first is gone.mp4"),
        ("index.csv", ["clip,label"], "no videos"),
        ("Labels/Abuse.csv", ["Abuse001_x264_0,Abuse,2"], "line 1: 'Abuse001_x264_0,Abuse,2' is not clip,crime,0 or 1"),
        ("trainlist01.txt", ["Archery/a.avi 1"], "line 1: 'Archery/a.avi 1' is not <Class>/v_<Class>_g<group>"),
        ("x-train.json", ["{"], "not a list of objects with id and template"),
    ],
)  # fmt: skip
def test_a_bad_list_is_refused_in_one_line(name: str, lines: list[str], message: str, tmp_path: Path) -> None:
    write(tmp_path / "fight" / "a.mp4")
    (tmp_path / "calm").mkdir()
    text(tmp_path / "testlist01.txt", "Archery/v_Archery_g01_c01.avi")
    text(tmp_path / name, *lines)
    with pytest.raises(UserError) as error:
        layouts.read(tmp_path)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_labels_out_of_the_list_of_classes_are_refused(tmp_path: Path) -> None:
    path_labels(tmp_path)
    text(tmp_path / "theft_val.txt", "videos/b.mp4 2")
    with pytest.raises(UserError, match=r"theft_val.txt, line 1: label 2, but only 2 classes are named"):
        layouts.read(tmp_path)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        layouts.read(tmp_path / "absent")
    with pytest.raises(UserError, match="no videos"):
        layouts.read(tmp_path)


def hmdb51(root: Path) -> None:
    clips = ["#20_Rhythm_clap_u_nm_np1_fr_goo_0.avi", "April_09_clap_u_nm_np1_ba_goo_0.avi", "x_clap_1.avi"]
    write(*(root / "clap" / clip for clip in clips), root / "brush_hair" / "b.avi")
    splits = root / "testTrainMulti_7030_splits"
    splits.mkdir()
    lines = "".join(f"{clip} {part} \r\n" for clip, part in zip(clips, (1, 2, 0), strict=True))
    (splits / "clap_test_split1.txt").write_bytes(lines.encode())
    (splits / "brush_hair_test_split1.txt").write_bytes(b"b.avi 1 \r\n")
    (splits / "clap_test_split2.txt").write_bytes(b"April_09_clap_u_nm_np1_ba_goo_0.avi 1 \r\n")


def test_hmdb51_as_it_ships(tmp_path: Path) -> None:
    hmdb51(tmp_path)
    dataset = layouts.read(tmp_path)
    found = {(sample.path.stem[:8], sample.label, sample.split) for sample in dataset.samples}
    assert dataset.layout == "HMDB51"
    assert found == {("#20_Rhyt", "clap", "train"), ("April_09", "clap", "test"), ("b", "brush_hair", "train")}


def test_a_folder_a_class_in_train_and_val(tmp_path: Path) -> None:
    """As RWF-2000 ships: the classes are not `train` and `val`."""
    for part in ("train", "val"):
        write(tmp_path / part / "Fight" / f"{part}.avi", tmp_path / part / "NonFight" / f"{part}.avi")
    dataset = layouts.read(tmp_path)
    assert dataset.classes == ["Fight", "NonFight"]
    assert [sample.split for sample in dataset.samples] == ["train", "train", "validation", "validation"]


def kinetics_list(root: Path, names: str, encoding: str = "utf-8") -> None:
    """Three clips as mmaction2 lists them, and a file that names their classes."""
    write(*(root / "videos" / f"{index}.mp4" for index in range(3)))
    (root / "k400_train_list_videos.txt").write_bytes(b"0.mp4 0\r\n\r\n1.mp4 1\r\n2.mp4 2\r\n")
    (root / "label_map.txt").write_bytes(names.encode(encoding))


NAMES = ["air drumming", "applying cream", "abseiling"]


@pytest.mark.parametrize(
    "lines",
    [
        "{0}\n{1}\n{2}\n",
        "{0}\r\n{1} \r\n{2}\r\n\r\n",
        "\ufeff{0}\n{1}\n{2}",
        "0 {0}\n1 {1}\n2 {2}\n",
        "1 {0}\r\n2 {1}\r\n3 {2}\r\n",
        "{0},0\n{1},1\n{2},2\n",
        "0\t{0}\n1\t{1}\n2\t{2}\n",
        "# the classes of Kinetics\n{0}\n{1}\n{2}\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_classes_keep_their_whole_names(tmp_path: Path, lines: str, encoding: str) -> None:
    kinetics_list(tmp_path, lines.format(*NAMES), encoding)
    samples = layouts.read(tmp_path).samples
    assert [sample.label for sample in samples] == NAMES and {sample.split for sample in samples} == {"train"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("{0}\n{1}\n{0}\n", "2 classes are called 'air drumming'"),
        ("{0}\n\n{1}\n{2}\n", "label_map.txt, line 2: holds no class"),
        ("{0}\n{1}\n", "k400_train_list_videos.txt, line 4: label 2, but only 2 classes are named"),
    ],
)
def test_names_that_do_not_tell_the_classes_apart_are_refused(tmp_path: Path, lines: str, message: str) -> None:
    kinetics_list(tmp_path, lines.format(*NAMES))
    with pytest.raises(UserError, match=message):
        layouts.read(tmp_path)


def test_numbers_that_contradict_the_folders_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "calm" / "a.mp4", tmp_path / "fight" / "b.mp4")
    text(tmp_path / "list.txt", "calm/a.mp4 1", "fight/b.mp4 0")
    text(tmp_path / "classes.txt", "calm", "fight")
    with pytest.raises(UserError, match="listed as 'fight', and lies in folder 'calm'"):
        layouts.read(tmp_path)


@pytest.mark.parametrize("line", ["{} fight", "{}\tfight", '"{}" fight', "{}, fight", "./{} fight", "{}  fight  "])
def test_paths_with_spaces_and_accents_are_found(tmp_path: Path, line: str) -> None:
    """The list is written composed, the file's name decomposed, as macOS does it, and its ending in capitals."""
    write(tmp_path / "my clips" / "a.mp4")
    (tmp_path / "my clips" / "a.mp4").rename(tmp_path / "my clips" / "cafe\u0301 1.MP4")
    text(tmp_path / "list.txt", line.format("my clips/caf\u00e9 1.mp4"))
    (sample,) = layouts.read(tmp_path).samples
    assert sample.path.exists() and sample.label == "fight"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["clip,label", "fight/a.mp4,fight", "fight/a.mp4,calm 2"], "fight/a.mp4 is labelled 'fight' and 'calm 2'"),
        (["clip,label", "fight/a, b.mp4,fight"], "line 2: 3 cells, and 2 columns"),
        (["clip,label", "", ",fight"], "line 3: names no clip"),
        (["clip,label", "/absent/a.mp4,fight"], "none of its 1 listed videos is there, the first is /absent/a.mp4"),
        (["clip,label", "a" * 5000 + ",fight"], "none of its 1 listed videos is there"),
    ],
)  # fmt: skip
def test_an_index_that_would_give_wrong_labels_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    write(tmp_path / "fight" / "a.mp4")
    text(tmp_path / "index.csv", *rows)
    with pytest.raises(UserError, match=message):
        layouts.read(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_index_as_spreadsheets_save_it(tmp_path: Path, separator: str, encoding: str) -> None:
    write(tmp_path / "a.mp4", tmp_path / "b.mp4")
    rows = ["clip, label ", "a.mp4,fight ", "", "b.mp4, caf\u00e9"]
    (tmp_path / "index.csv").write_bytes("\r\n".join(rows).replace(",", separator).encode(encoding))
    assert layouts.read(tmp_path).classes == ["caf\u00e9", "fight"]


def test_kinetics_as_it_ships(tmp_path: Path) -> None:
    """No labels in the test part, a name in quotes with a comma, an identity that begins with a dash, no splits."""
    write(tmp_path / "-abc_defghi_000001_000011.mp4", tmp_path / "zzzzzzzzzzz_000002_000012.mp4")
    lines = ['"label","youtube_id","time_start","time_end"', '"petting cat, or dog","-abc_defghi",1,11']
    text(tmp_path / "kinetics-400_train.csv", *lines)
    text(tmp_path / "kinetics-400_val.csv", lines[0], "abseiling,zzzzzzzzzzz,2.0,12.0")
    text(tmp_path / "test.csv", "youtube_id,time_start,time_end", "yyyyyyyyyyy,1,11")
    found = [(sample.label, sample.split) for sample in layouts.read(tmp_path).samples]
    assert found == [("petting cat, or dog", "train"), ("abseiling", "validation")]
    text(tmp_path / "kinetics-400_val.csv", lines[0], "abseiling,zzzzzzzzzzz,,12.0")
    with pytest.raises(UserError, match="line 2: time_start and time_end are not both seconds"):
        layouts.read(tmp_path)


def test_a_label_with_commas_is_one_label(tmp_path: Path) -> None:
    """As in Something-Something, version 1."""
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / name / "00001.jpg")
    text(tmp_path / "something-something-v1-train.csv", "1;Putting something, something and something on the table")
    text(tmp_path / "something-something-v1-test.csv", "2")
    labels = {sample.label for sample in layouts.read(tmp_path).samples}
    assert labels == {"Putting something, something and something on the table", None}


def test_ucf101_with_numbers_that_contradict_its_classes_is_refused(tmp_path: Path) -> None:
    ucf101(tmp_path)
    lists = tmp_path / "ucfTrainTestlist"
    (lists / "classInd.txt").write_bytes(b"1 Archery\r\n2 Biking\r\n")
    assert layouts.read(tmp_path).classes == ["Archery", "Biking"]
    text(lists / "trainlist01.txt", "Archery/v_Archery_g08_c01.avi 2")
    with pytest.raises(UserError, match=r"trainlist01.txt, line 1: .* contradicts classInd.txt"):
        layouts.read(tmp_path)


def test_two_files_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    something(tmp_path)
    write(tmp_path / "other" / "52.mp4")
    with pytest.raises(UserError, match=r"other/52.mp4 and videos/52.mp4 are both called '52'"):
        layouts.read(tmp_path)


def test_what_is_no_video_is_told_and_does_not_refuse_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "calm" / "a.mp4", tmp_path / "fight" / "b.mp4", tmp_path / ".git" / "c.mp4")
    for name in ("calm/notes.txt", "calm/Thumbs.db", "fight/.DS_Store", "report.csv"):
        (tmp_path / name).write_bytes(b"caf\xe9")
    assert [sample.path.name for sample in layouts.read(tmp_path).samples] == ["a.mp4", "b.mp4"]
    printed = capsys.readouterr().err
    assert printed == "skipped: .git/, calm/Thumbs.db, calm/notes.txt and 2 more: no videos, left out\n"


def test_classes_that_differ_in_writing_only_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "Fight" / "a.mp4", tmp_path / "fight" / "b.mp4")
    assert len(layouts.read(tmp_path).classes) == 2
    assert "warning: 'Fight', 'fight' are taken for 2 classes" in capsys.readouterr().err
