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
from shiftcore.quant.layouts import Dataset


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
