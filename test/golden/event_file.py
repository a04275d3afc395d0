"""TensorBoard event files: the bytes of TensorBoard's own writer for lines of metrics.jsonl, and what its reader finds in them.

  `data/event-file.json`   `lines`, `base64` of the file, `scalars`: [step, value] of each tag by the EventAccumulator

  `check FILE METRICS`     reads a file that the trainer wrote, and compares its scalars with METRICS (metrics.jsonl)
"""

import base64
import json
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

DATA = Path(__file__).parent / "data"

TAGS = {
    "train/loss": "loss",
    "train/grad_norm": "gradNorm",
    "train/learning_rate": "learningRate",
    "train/epoch": "epoch",
    "train/tokens_per_second": "tokensPerSecond",
    "train/rewards/accuracies": "rewardAccuracy",
    "train/rewards/margins": "rewardMargin",
    "eval/loss": "evalLoss",
    "eval/rewards/accuracies": "evalRewardAccuracy",
    "eval/rewards/margins": "evalRewardMargin",
}


def lines():
    began = datetime(2026, 1, 1)
    for index in range(80):
        at = (began + timedelta(milliseconds=1234 * index)).isoformat(timespec="milliseconds") + "Z"
        line = {"phase": "Training", "done": index * 3, "total": 240, "unit": "steps", "time": at, "epoch": index / 40}
        line |= {"loss": 3 / (1 + index) - 0.5, "learningRate": 1e-4 * (80 - index) / 80, "gradNorm": 1e-30 * index}
        line |= {"tokensPerSecond": 1234.5678 + index}
        if index % 40 == 39:
            line |= {"evalLoss": 2.5 / index, "evalRewardAccuracy": 0.75, "evalRewardMargin": -1.25}
        if index > 75:
            line |= {"rewardAccuracy": 1, "rewardMargin": 0}
        yield line


def wall_time(line) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


def scalars(file: Path):
    read = EventAccumulator(str(file), size_guidance={"scalars": 0})
    read.Reload()
    return {tag: [[event.step, event.value] for event in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def write() -> None:
    given = list(lines())
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "events.out.tfevents.0.luthier"
        with file.open("wb") as stream:
            writer = RecordWriter(stream)
            writer.write(Event(wall_time=wall_time(given[0]), file_version="brain.Event:2").SerializeToString())
            for line in given:
                values = [Summary.Value(tag=tag, simple_value=line[name]) for tag, name in TAGS.items() if name in line]
                event = Event(wall_time=wall_time(line), step=line["done"], summary=Summary(value=values))
                writer.write(event.SerializeToString(deterministic=True))
        golden = {"lines": given, "base64": base64.b64encode(file.read_bytes()).decode(), "scalars": scalars(file)}
        assert {tag: len(points) for tag, points in golden["scalars"].items()}["train/loss"] == 80
        (DATA / "event-file.json").write_text(json.dumps(golden) + "\n")


def check(file: str, metrics: str) -> None:
    found = scalars(Path(file))
    expected = {}
    for line in map(json.loads, Path(metrics).read_text().splitlines()):
        for tag, name in TAGS.items():
            if name in line:
                expected.setdefault(tag, []).append([line["done"], line[name]])
    assert found.keys() == expected.keys(), (found.keys(), expected.keys())
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points], tag
        assert all(abs(a - b) <= 1e-6 * abs(b) for (_, a), (_, b) in zip(found[tag], points)), tag
    print(f"{file}: {sum(map(len, found.values()))} scalars of {len(found)} tags equal those of {metrics}")


if __name__ == "__main__":
    check(*sys.argv[2:]) if sys.argv[1:2] == ["check"] else write()
