"""Regular expressions of JSON Schemas: what readers and rules take, in a notation that all editors know."""

from __future__ import annotations

BUFFER_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
BUFFER_NAME_IN_ANY_CASE = "^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"
CODESPEC_NAME = "^[a-z0-9._-]*$"
CODESPEC_REFERENCE = "^[a-z0-9._-]+(/versions/[0-9]+)?$"
VARIABLE_NAME = "^[ -<>-~]+$"
TAG_KEY = "^[a-zA-Z0-9._-]{1,128}$"
TAG_VALUE = "^[a-zA-Z0-9._-]{0,256}$"
TTL = "^([0-9]+[.][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"
TIME = (
    "^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_LARGER_UNITS = "Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E"
QUANTITY = f"^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)({_LARGER_UNITS}|n|u|m|[eE][+-]?[0-9]{{1,3}})?$"
GPUS = f"^[+]?[0-9]+([.]0*)?({_LARGER_UNITS}|[eE][+]?[0-9]{{1,3}})?$"
WORDS = {
    BUFFER_NAME: "a buffer's name has small letters, digits and '-', which is neither first nor last",
    BUFFER_NAME_IN_ANY_CASE: "this is no buffer's name",
    CODESPEC_NAME: "a codespec's name has small letters, digits, '-', '_' and '.'",
    CODESPEC_REFERENCE: "write NAME, or NAME/versions/N",
    TAG_VALUE: "a tag's value has up to 256 letters, digits, '-', '_' and '.'",
    TTL: "write D.HH:MM, for example 7.00:00 for a week",
    TIME: "write it like 2025-03-14T06:43:18Z",
    QUANTITY: "write a number with or without a unit: 500m, 2, 1Gi",
    GPUS: "write a whole number",
}
"""What editors say instead of a pattern that does not fit."""
