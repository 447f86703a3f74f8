"""The tab Assess: photos in, how good each is and what is wrong with it, as charts and as a table."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from demo.assessing import COLUMNS, Assessed, Message, Turn, Unreadable, Written, assess, csv_text, table_rows
from demo.desk import HIDDEN, Desk, Say, Stopped, as_error
from demo.words import bars, notes, score_head, status, written
from uare.errors import UAREError
from uare.results import Assessment
from uare.vocabulary import DEGRADATIONS, SEVERITIES

Updates = dict[Any, Any]
HINT = "Drop one photo or many, then press Assess. They stay on this machine."
NUMBERS = [name in ("#", "score") or place >= 5 for place, name in enumerate(COLUMNS)]
PHOTO, REGIONS = "the photo", "scores of its parts"


@dataclass(kw_only=True, eq=False)
class Sheet:
    """What was found so far, for what is asked about it later."""

    photos: list[Assessed] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    chosen: int = 0  # the photo beside the charts


def add_assess_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    tab = AssessTab(desk)
    with gr.Tab("Assess", id="assess"):
        tab.add_fields()
    tab.connect()


class AssessTab:
    """The fields of the tab, and what happens when they are used."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def add_fields(self) -> None:
        """Photos and buttons, the table of many, the charts of one."""
        with gr.Row(equal_height=False):
            self.files = gr.File(
                label="Photos", file_count="multiple", type="filepath", height=180, scale=4, min_width=300,
                elem_id="uare-assess-files",
            )  # fmt: skip
            with gr.Column(scale=6, min_width=300):
                self.status = gr.HTML(status(HINT))
                self.regions = gr.Checkbox(value=True, label="Score the parts of each photo too")
                with gr.Row():
                    self.go = gr.Button("Assess", variant="primary", min_width=100, elem_id="uare-assess")
                    self.stop = gr.Button("Stop", variant="stop", interactive=False, min_width=80)
                self.notes = gr.HTML()
        self.table = gr.Dataframe(
            headers=list(COLUMNS), datatype=["number" if one else "str" for one in NUMBERS],
            label="All photos; a heading sorts, a row shows its photo below",
            interactive=False, visible=False, wrap=True, max_height=320, buttons=[],
            elem_id="uare-assess-table",
        )  # fmt: skip
        self.csv = gr.DownloadButton("Download as CSV", visible=False, size="sm")
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                self.picture = gr.Image(
                    show_label=False, visible=False, interactive=False, buttons=["fullscreen"],
                    elem_id="uare-assess-picture",
                )  # fmt: skip
                self.side = gr.Radio([PHOTO, REGIONS], value=PHOTO, label="Show", visible=False)
            with gr.Column(min_width=300):
                self.charts = gr.HTML(elem_id="uare-charts")
        self.sheet = gr.State()

    @property
    def results(self) -> list[Any]:
        return [
            *(self.status, self.go, self.stop, self.notes, self.table, self.csv),
            *(self.picture, self.side, self.charts, self.sheet),
        ]

    def connect(self) -> None:
        """Says what each field does."""
        begun = self.go.click(self._begun, None, self.results, queue=False, **HIDDEN)
        work = begun.then(self.assess, [self.files, self.regions], self.results, **self.desk.queued, **HIDDEN)
        work.then(self._idle, None, [self.go, self.stop], queue=False, **HIDDEN)
        # cancelled too, because work that still waits in line has not come to the desk yet
        stopped = [self.status, self.go, self.stop, self.csv]
        self.stop.click(self.stopped, self.sheet, stopped, cancels=[work], queue=False, **HIDDEN)
        details = [self.picture, self.side, self.charts, self.sheet]
        self.table.select(self.other_photo, self.sheet, details, queue=False, **HIDDEN)
        self.side.input(self.other_side, [self.side, self.sheet], self.picture, queue=False, **HIDDEN)

    def assess(self, files: list[str] | None, with_regions: bool, request: gr.Request) -> Iterator[Updates]:
        """Assesses the files one after the other; the page shows each as it is done."""
        sheet = Sheet()

        def work(say: Say[Message]) -> None:
            assess(self.desk, files or [], request, say, with_regions=with_regions)

        try:
            for message in self.desk.run(work, request):
                yield self._shown(message, sheet)
        except Stopped:
            return  # `stopped` has said so
        except UAREError as error:
            yield {self.status: status("")}
            raise as_error(error) from error
        yield {self.status: status("Done."), self.sheet: sheet, self.csv: self._csv(sheet, request)}

    def stopped(self, sheet: Sheet | None, request: gr.Request) -> Updates:
        """Ends the work; what was found by then stays, as a file too."""
        self.desk.stop(request)
        go, stop = self._idle()
        found = self._csv(sheet or Sheet(), request)
        return {self.status: status("Stopped."), self.go: go, self.stop: stop, self.csv: found}

    def _idle(self) -> tuple[gr.Button, gr.Button]:
        return gr.Button(interactive=True), gr.Button(interactive=False)

    def _begun(self) -> Updates:
        return {
            self.status: status("Waiting for its turn ..."),
            self.go: gr.Button(interactive=False),
            self.stop: gr.Button(interactive=True),
            self.notes: "",
            self.table: gr.Dataframe(visible=False),
            self.csv: gr.DownloadButton(visible=False),
            self.picture: gr.Image(value=None, visible=False),
            self.side: gr.Radio(visible=False),
            self.charts: "",
            self.sheet: None,
        }

    def _shown(self, message: Message, sheet: Sheet) -> Updates:
        """A message of the work as changes of the page."""
        if isinstance(message, Turn):
            sentence = f"Photo {message.place + 1} of {message.total}: {message.name}"
            return {self.status: status(sentence, message.place, message.total)}
        if isinstance(message, Written):
            return {self.charts: gr.skip() if sheet.photos else written(message.text)}
        if isinstance(message, Unreadable):
            sheet.unreadable.append(message)
            return {self.notes: notes(tuple(f"{one.name}: {one.reason}" for one in sheet.unreadable))}
        sheet.photos.append(message)
        many = gr.Dataframe(value=table_rows(sheet.photos), visible=len(sheet.photos) > 1)
        first = self._details(message) if len(sheet.photos) == 1 else {}
        return {self.table: many, self.sheet: sheet, **first}

    def _details(self, photo: Assessed) -> Updates:
        """The picture and the charts of one photo."""
        return {
            self.picture: gr.Image(value=photo.picture, visible=True),
            self.side: gr.Radio(value=PHOTO, visible=photo.heat_map is not None),
            self.charts: charts(photo.name, photo.assessment) + notes(photo.warnings),
        }

    def other_photo(self, sheet: Sheet | None, event: gr.SelectData) -> Updates:
        """The photo of the row that was chosen, wherever sorting has put it."""
        if sheet is None or not event.row_value:
            return {self.sheet: gr.skip()}
        sheet.chosen = int(event.row_value[0]) - 1
        return {**self._details(sheet.photos[sheet.chosen]), self.sheet: sheet}

    def other_side(self, side: str, sheet: Sheet | None) -> Any:
        """The photo, or the photo with the scores of its regions."""
        if sheet is None:
            return gr.skip()
        photo = sheet.photos[sheet.chosen]
        return photo.heat_map if side == REGIONS else photo.picture

    def _csv(self, sheet: Sheet, request: gr.Request) -> gr.DownloadButton:
        if not sheet.photos and not sheet.unreadable:
            return gr.DownloadButton(visible=False)
        folder = self.desk.folder(request) / f"assess-{secrets.token_hex(6)}"
        folder.mkdir()
        path = folder / "assessment.csv"
        path.write_text(csv_text(sheet.photos, sheet.unreadable), encoding="utf-8-sig")  # for spreadsheets
        return gr.DownloadButton(value=str(path), visible=True)


def charts(name: str, found: Assessment) -> str:
    """Name, score, distribution, attributes, defects, regions and the written analysis, as HTML."""
    levels = [(level, share, f"{share:.0%}") for level, share in found.distribution.items()]
    attributes = [(name, score - 1, f"{score:.2f}") for name, score in found.attributes.items()]
    harms: list[tuple[str, float, str]] = [
        (DEGRADATIONS[one.type], one.severity or 0, SEVERITIES.get(one.severity or 0, "named"))
        for one in found.degradations
    ]
    worst_first = sorted(found.regions or (), key=lambda one: one.overall)
    regions: list[tuple[str, float, str]] = [
        (f"{one.area:.0%} of the photo", one.overall - 1, f"{one.overall:.2f}, {one.worst}")
        for one in worst_first
    ]
    parts = [
        score_head(name, found.score, found.level),
        bars("Defects and how severe they are", harms, 5) if harms else "<p>No visible defects.</p>",
        bars("Attributes, 1 bad to 5 excellent", attributes, 4),
        bars("How sure the model is of each level", levels, 1),
        bars("Parts, worst first, and what is worst in each", regions, 4) if regions else "",
        written(found.text),
    ]
    return "".join(parts)
