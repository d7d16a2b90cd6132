"""`preview`: how a text of a notice reads, with a sample dossier; no office is needed, nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.refusals import BadInput
from motcua.cli import printing
from motcua.cli.options import Json
from motcua.cli.workshop import Workshop
from motcua.texts import Texts
from motcua.texts.samples import samples
from motcua.texts.topic import NAMES, STAFF


class NotWritten(BadInput):
    """A file that cannot be written."""

    sentence = "{path} cannot be written: {reason}"


class NoSuchSample(BadInput):
    """A sample that a text does not have."""

    sentence = "The text {name} has the samples 1 to {last}; there is no sample {sample}."


def add(app: typer.Typer, shop: Workshop) -> None:
    """Add the command to the command line."""

    @app.command()
    def preview(
        name: Annotated[str | None, typer.Argument(help="Which text; without one, all are listed.")] = None,
        language: Annotated[str, typer.Option(help="vi or en.")] = "vi",
        sample: Annotated[int, typer.Option(help="Which sample; the first is the usual case.")] = 1,
        html: Annotated[Path | None, typer.Option(help="Write the HTML of the mail to this file.")] = None,
        as_json: Json = False,
    ) -> None:
        """A text as it would be sent, filled with a sample; checks all texts of the catalogue first."""
        if name is None and html is not None:
            raise typer.BadParameter("--html needs the name of a text")
        texts = Texts.load(shop.settings.catalog_dir)
        if name is None:
            _list(texts, as_json=as_json)
        else:
            _preview(shop, texts, name, language, sample, html, as_json=as_json)


def _list(texts: Texts, *, as_json: bool) -> None:
    rows = [
        {
            "name": name,
            "to": "staff" if name in STAFF else "applicant",
            "vi": texts.heading(name, "vi"),
            "en": texts.heading(name, "en"),
            "samples": len(samples(name, "vi")),
        }
        for name in NAMES
    ]
    if as_json:
        printing.document(rows)
    else:
        printing.table("", ("text", "to", "vi", "en", "samples"), [row.values() for row in rows], right=4)


def _preview(
    shop: Workshop, texts: Texts, name: str, language: str, sample: int, html: Path | None, *, as_json: bool
) -> None:
    texts.heading(name, language)  # refuses an unknown name or language before samples are looked for
    topics = samples(name, language)
    if not 1 <= sample <= len(topics):
        raise NoSuchSample(name=name, last=len(topics), sample=sample)
    catalogue = shop.catalogue()
    zone = catalogue.calendar(catalogue.office.calendar).zone
    words = texts.words(name, language, topics[sample - 1], zone)
    if html is not None:
        try:
            html.write_text(words.html, encoding="utf-8")
        except OSError as error:
            raise NotWritten(path=html, reason=error.strerror or error) from error
    if as_json:
        printing.document({"name": name, "language": language, "sample": sample, **words.model_dump()})
    else:
        print(f"{words.subject}\n\n{words.text}", end="")
