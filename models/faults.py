"""Pydantic's errors as phrases: the kind of error and its parameters, not its English message."""

from __future__ import annotations

from typing import Any

from models.refusals import Phrase

_PARTS = {
    "missing": Phrase("Field required"),
    "extra_forbidden": Phrase("unknown key"),
    "int_parsing": Phrase("Input should be a valid integer"),
    "int_type": Phrase("Input should be a valid integer"),
    "int_from_float": Phrase("Input should be a valid integer"),
    "string_type": Phrase("Input should be a valid string"),
    "bool_type": Phrase("Input should be true or false"),
    "bool_parsing": Phrase("Input should be true or false"),
    "datetime_type": Phrase("Input should be a valid date and time"),
    "timezone_aware": Phrase("Input should be a valid date and time"),
    "time_type": Phrase("Input should be a valid time"),
    "date_type": Phrase("Input should be a valid date"),
    "date_from_datetime_inexact": Phrase("Input should be a valid date"),
}
"""Errors without parameters, by pydantic's type."""
_INVALID = Phrase("Input is not valid")
"""An error of any other type."""


def fault(error: dict[str, Any]) -> Phrase:
    """One entry of `ValidationError.errors()` as a phrase; it must hold its context (`ctx`).

    A ValueError that was raised with a Phrase is that phrase.
    """
    given, kind = error.get("ctx", {}), error["type"]
    if isinstance(cause := given.get("error"), ValueError):
        return cause.args[0] if cause.args and isinstance(cause.args[0], Phrase) else Phrase(str(cause))
    match kind:
        case "time_parsing":
            return Phrase("Input should be a valid time, {detail}", detail=given["error"])
        case "date_parsing" | "date_from_datetime_parsing":
            return Phrase("Input should be a valid date, {detail}", detail=given["error"])
        case "datetime_parsing" | "datetime_from_date_parsing":
            return Phrase("Input should be a valid date and time, {detail}", detail=given["error"])
        case "string_too_short" if given["min_length"] == 1:
            return Phrase("String should have at least 1 character")
        case "string_too_short":
            return Phrase("String should have at least {least} characters", least=given["min_length"])
        case "string_too_long":
            return Phrase("String should have at most {most:,} characters", most=given["max_length"])
        case "string_pattern_mismatch":
            return Phrase("String should match pattern '{pattern}'", pattern=given["pattern"])
        case "too_short" if isinstance(error.get("input"), str):
            return Phrase("String should have at least {least} characters", least=given["min_length"])
        case "too_short":
            return Phrase("List should have at least {least} item(s)", least=given["min_length"])
        case "too_long" if isinstance(error.get("input"), str):  # of a text that a validator has seen first
            return Phrase("String should have at most {most:,} characters", most=given["max_length"])
        case "too_long":
            return Phrase("List should have at most {most:,} item(s)", most=given["max_length"])
        case "greater_than":
            return Phrase("Input should be greater than {least:,}", least=given["gt"])
        case "greater_than_equal":
            return Phrase("Input should be greater than or equal to {least:,}", least=given["ge"])
        case "less_than":
            return Phrase("Input should be less than {most:,}", most=given["lt"])
        case "less_than_equal":
            return Phrase("Input should be less than or equal to {most:,}", most=given["le"])
        case "literal_error" | "enum":
            return Phrase("Input should be {known}", known=given["expected"])
    return _PARTS.get(kind, _INVALID)
