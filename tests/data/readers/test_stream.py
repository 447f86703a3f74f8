"""A stream goes on exactly where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from data.readers.columns import ScoreColumns
from data.readers.stream import Stream
from data.samples import ScoreSource
from tests.data.readers.drawn import encoded, grey_of

datasets = pytest.importorskip("datasets", reason="streams are read with the extra `train`")

NUM_ROWS = 50
OpenStream = Callable[[], Stream]


@pytest.fixture(params=["parquet", "json"])
def open_stream(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStream:
    """Opens a stream of fifty rows in two files; parquet in groups of 8 rows, with pictures inside."""
    for part in range(2):
        numbers = range(part * NUM_ROWS // 2, (part + 1) * NUM_ROWS // 2)
        if request.param == "parquet":
            cells = [{"bytes": encoded(number), "path": None} for number in numbers]
            table = datasets.Dataset.from_dict({"image": cells, "mos": [3.0] * len(numbers)})
            table = table.cast_column("image", datasets.Image())
            table.to_parquet(str(tmp_path / f"{part}.parquet"), batch_size=8)
        else:
            lines = [json.dumps({"image": f"{number}.png", "mos": 3.0}) for number in numbers]
            (tmp_path / f"{part}.json").write_text("\n".join(lines))
    files = sorted(str(path) for path in tmp_path.glob(f"*.{request.param}"))

    def open_() -> Stream:
        rows = datasets.load_dataset(request.param, data_files=files, split="train", streaming=True)
        return Stream("mine", rows, ScoreColumns(picture="image", mos="mos"))

    return open_


@pytest.mark.parametrize("num_read", [0, 1, 8, 13, 25, 26, 49, 50])
def test_a_stream_resumed_after_any_row_yields_exactly_the_rest(
    open_stream: OpenStream, num_read: int
) -> None:
    whole = list(open_stream())
    assert len(whole) == NUM_ROWS
    left = open_stream()
    assert list(islice(left, num_read)) == whole[:num_read]
    state = json.loads(json.dumps(left.state_dict()))
    resumed = open_stream()
    resumed.load_state_dict(state)
    assert list(resumed) == whole[num_read:]


def test_rows_come_in_the_order_of_the_files(open_stream: OpenStream) -> None:
    for number, source in enumerate(open_stream()):
        assert isinstance(source, ScoreSource)
        picture = source.picture
        assert source.id == f"mine/{number}"
        assert grey_of(picture) == number if picture.data else picture.name == f"{number}.png"
