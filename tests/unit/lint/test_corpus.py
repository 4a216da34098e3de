"""Codespecs that rules have something to say of, by the rule's name, and codespecs that are well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tyger_local.lint.located import Located
from tyger_local.lint.model import Severity
from tyger_local.lint.rules import RULES
from tyger_local.lint.run import lint
from tyger_local.lint.subjects import targets
from tyger_local.spec.document import read_document

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = Path(__file__).parents[3] / "examples"


def look(text: str) -> list[Located]:
    document = read_document(text, "f.yml")
    return lint(targets(document, lambda *_: None), RULES, document)


def _files(folder: Path, pattern: str = "*.yml") -> list[object]:
    return [pytest.param(path, id=path.stem) for path in sorted(folder.rglob(pattern))]


@pytest.mark.parametrize("path", _files(CORPUS / "bad"))
def test_the_rule_that_a_file_is_named_for_finds_it_and_no_other(path: Path) -> None:
    assert {each.finding.rule for each in look(path.read_text())} == {path.stem.split("--")[0]}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_a_file(rule: object) -> None:
    assert list((CORPUS / "bad").glob(f"{getattr(rule, 'id', '')}*.yml"))


@pytest.mark.parametrize("path", _files(CORPUS / "good"))
def test_nothing_is_said_of_what_is_well(path: Path) -> None:
    assert look(path.read_text()) == []


@pytest.mark.parametrize("path", _files(EXAMPLES))
def test_the_examples_need_no_more_than_a_note(path: Path) -> None:
    said = [each for each in look(path.read_text()) if each.finding.severity is not Severity.NOTE]
    assert said == []


PLACES = [
    ("env-order", (5, 6), "env.B"),
    ("env-injected", (5, 3), "env.INPUT_PIPE"),
    ("yaml-key", (3, 3), "env.true"),
    ("undefined-reference--script", (7, 5), "args[0]"),
    ("buffer-shell-name", (4, 8), "args[0]"),
    ("worker-without-endpoints", (1, 1), "endpoints"),
    ("max-replicas", (2, 41), "job.codespec.maxReplicas"),
    ("unknown-ignore", (2, 16), ""),
    ("output-opened-twice", (9, 7), "args[0]"),
    ("ffmpeg-seeks", (7, 5), "args[0]"),
    ("process-id", (7, 5), "args[0]"),
    ("pipe-wrong-way--quoted", (3, 19), "command[2]"),
]


@pytest.mark.parametrize(("name", "line_and_column", "field"), PLACES)
def test_where_it_is(name: str, line_and_column: tuple[int, int], field: str) -> None:
    (found,) = look((CORPUS / f"bad/{name}.yml").read_text())
    assert (found.place.line, found.place.column) == line_and_column
    assert found.field == field


FIXES = [
    ("env-order", "Write 'x' as its value", ("$(LONG_NAME)", "x")),
    (
        "env-order--run-id",
        "Write 'scan-$(TYGER_RUN_ID)' as its value",
        ("B: $(LONG_NAME)", "B: scan-$(TYGER_RUN_ID)"),
    ),
    ("env-order--written-below", "Write the value of B into LONG_NAME", ("$(B)", "x")),
    (
        "env-pipe-reference",
        "Remove SOURCE from env",
        ("env:\n  SOURCE: file://$(INPUT_PIPE)\n", ""),
    ),
    ("env-injected", "Remove INPUT_PIPE from env", ("  INPUT_PIPE: /data\n", "")),
    ("env-name", "Give it another name", ('"A=B"', "AB")),
    ("env-name--endpoint", "Give it another name", ('"a=b"', "ab")),
    ("undefined-reference", "define INPUT_PIPE in env", ("args", "env: {INPUT_PIPE: x}\nargs")),
    ("undefined-reference--case", "Write $(INPUT_PIPE)", ("input_pipe", "INPUT_PIPE")),
    ("undefined-reference--script", "Write $(OUTPUT_PIPE)", ("OUTPUTS_PIPE", "OUTPUT_PIPE")),
    ("undefined-reference--script", "or write $$(OUTPUTS_PIPE)", ("$(OUTPUTS", "$$(OUTPUTS")),
    ("undefined-reference--image-env", "or $$(PATH)", ("$(PATH)", "$$(PATH)")),
    ("undefined-reference--later", "Write the value itself", ("$(B)", "x")),
    (
        "undefined-reference--workers-in-env",
        "Remove it from env",
        ("  NODES: $(TYGER_WORKER_NODES)\n", ""),
    ),
    ("undefined-reference--pipe", "Write $OUTPUT_PIPE", ("OUTPUTS", "OUTPUT")),
    (
        "undefined-reference--worker-pipe",
        "define INPUT_PIPE in env",
        ("command", "env: {INPUT_PIPE: /data}\ncommand"),
    ),
    (
        "buffer-shell-name--guessed",
        "Write $(RAW-DATA_PIPE)",
        ("$RAW_DATA_PIPE", "$(RAW-DATA_PIPE)"),
    ),
    ("buffer-shell-name", "Write $(RAW-DATA_PIPE)", ("$RAW-DATA_PIPE", "$(RAW-DATA_PIPE)")),
    (
        "buffer-shell-name--digit",
        "call the buffer 'b3d'",
        (
            '{inputs: [3d]}\ncommand: [bash, -c, "cat ${3D_PIPE}',
            '{inputs: [b3d]}\ncommand: [bash, -c, "cat ${B3D_PIPE}',
        ),
    ),
    ("buffer-name-length", "at most 48 characters", ("x" * 49, "x" * 48)),
    ("endpoint-shell-name", "letters, digits and underscores", ("my-port", "my_port")),
    (
        "socket-pipe",
        "take the buffer out of sockets",
        ("sockets: [{port: 9000, inputBuffer: input}]", ""),
    ),
    ("request-above-limit", "raise the limit", ("limits: {cpu: 1}", "limits: {cpu: 2}")),
    ("fractional-gpu", "a whole number", ("0.5", "1")),
    ("negative-quantity", "without the minus sign", ("-1Gi", "1Gi")),
    ("memory-milli", "Write 100Mi", ("100m", "100Mi")),
    ("memory-small", "Write the unit", ("512", "512Mi")),
    ("memory-units", "Write 500Mi", ("500M", "500Mi")),
    ("gpu-without-limits", "Add memory to resources", ("{cpu: 2}", "{cpu: 2, memory: 1Gi}")),
    (
        "gpu-without-limits--neither",
        "Add cpu and memory to resources.requests",
        ("{gpu: 2}", "{gpu: 2, requests: {cpu: 1, memory: 1Gi}}"),
    ),
    ("working-dir", "Remove it", ("workingDir: /data\n", "")),
    ("identity", "Remove it", ("identity: reader\n", "")),
    ("image-tag", "Name a tag", ("/recon", "/recon:1.2")),
    ("image-tag--latest", "or a digest", (":latest", "@sha256:0123")),
    ("max-replicas", "at most 2 replicas", ("replicas: 3", "replicas: 2")),
    ("max-replicas", "raise maxReplicas to 3", ("maxReplicas: 2", "maxReplicas: 3")),
    ("replicas-with-outputs", "Ask for one replica", ("replicas: 2", "replicas: 1")),
    ("endpoint-port", "between 1 and 65535", ("70000", "7000")),
    ("worker-without-endpoints", "Add endpoints", ("worker", "worker\nendpoints: {a: 80}")),
    ("socket-port-shared", "a port of its own", ("{port: 9000, out", "{port: 9001, out")),
    ("yaml-value--octal", 'Write "0777" in quotes', ("0777", '"0777"')),
    ("yaml-value--octal", '"511" if that is meant', ("0777", '"511"')),
    ("yaml-key", 'Write "Y" in quotes', ("Y:", '"Y":')),
    ("process-id", "Write $$$$", ("$$", "$$$$")),
    (
        "script-without-shell",
        'command: ["python3", "recon.py", "--iterations", "12"]',
        ('"python3 recon.py --iterations 12"', "python3, recon.py, --iterations, 12"),
    ),
    (
        "operator-without-shell",
        "one text for a shell",
        (
            '[sort, -u, $(INPUT_PIPE), ">", $(OUTPUT_PIPE)]',
            '[sh, -c, "sort -u $(INPUT_PIPE) > $(OUTPUT_PIPE)"]',
        ),
    ),
    ("variable-without-shell", "Write $(INPUT_PIPE)", ("$INPUT_PIPE", "$(INPUT_PIPE)")),
    (
        "variable-without-shell--option",
        "Write $(OUTPUT_PIPE)",
        ("${OUTPUT_PIPE}", "$(OUTPUT_PIPE)"),
    ),
    (
        "option-with-value",
        'Make two members of the list of it: "-i", "$(INPUT_PIPE)"',
        ("- -i $(INPUT_PIPE)", "- -i\n  - $(INPUT_PIPE)"),
    ),
    ("pattern-without-shell", "Write whole paths", ("~", "/root")),
    (
        "pattern-without-shell--names",
        "one text for a shell",
        ("[cat, /data/atlas/*.csv]", "[sh, -c, 'cat /data/atlas/*.csv']"),
    ),
    ("shell-without-c", "Write -c between sh and the text", ("[sh, ", "[sh, -c, ")),
    (
        "shell-arguments-lost",
        "call the program without a shell",
        ("command: [sh, -c]\nargs: [sha256sum,", "command: [sha256sum]\nargs: ["),
    ),
    ("carriage-returns", "Unix' ends of lines", ("\\r", "")),
    (
        "output-opened-twice",
        'Let it write in one go: { first; second; } > "$SUMMARY_PIPE"',
        (
            """echo 'station,mean' > "$SUMMARY_PIPE"
    awk -F, '{ sum[$1] += $2; n[$1]++ } END { for (s in sum) print s "," sum[s] / n[s] }' \\
      < "$MEASUREMENTS_PIPE" | sort >> "$SUMMARY_PIPE\"""",
            """{
      echo 'station,mean'
      awk -F, '{ sum[$1] += $2; n[$1]++ } END { for (s in sum) print s "," sum[s] / n[s] }' \\
        < "$MEASUREMENTS_PIPE" | sort
    } > "$SUMMARY_PIPE\"""",
        ),
    ),
    (
        "input-opened-twice",
        'cat "$VOLUME_PIPE" > /tmp/volume',
        (
            """if [ "$(head -c 2 "$VOLUME_PIPE" | od -An -tx1)" = ' 1f 8b' ]; then
      gunzip < "$VOLUME_PIPE" > "$RESULT_PIPE"
    else
      cat "$VOLUME_PIPE" > "$RESULT_PIPE\"""",
            """cat "$VOLUME_PIPE" > /tmp/volume
    if [ "$(head -c 2 /tmp/volume | od -An -tx1)" = ' 1f 8b' ]; then
      gunzip < /tmp/volume > "$RESULT_PIPE"
    else
      cat /tmp/volume > "$RESULT_PIPE\"""",
        ),
    ),
    (
        "pipe-opened-in-loop",
        'Redirect the loop as a whole: done > "$FOUND_PIPE"',
        (
            ' >> "$FOUND_PIPE"\n    done < "$LIST_PIPE"',
            '\n    done < "$LIST_PIPE" > "$FOUND_PIPE"',
        ),
    ),
    (
        "pipe-wrong-way",
        "Read an input, or a file of the container's own",
        ('"$OUTPUT_PIPE" > "$INPUT_PIPE"', '"$INPUT_PIPE" > "$OUTPUT_PIPE"'),
    ),
    ("input-read-write", 'Open it for reading only: 3< "$FRAMES_PIPE"', ("3<>", "3<")),
    ("background-writer", "write `wait`", ('2> "$LOG_PIPE"', '2> "$LOG_PIPE"\n    wait')),
    (
        "input-read-partly",
        '{ head; cat > /dev/null; } < "$INPUT_PIPE", with the options that head has now',
        ('head -c 348 "$INPUT_PIPE"', '{ head -c 348; cat > /dev/null; } < "$INPUT_PIPE"'),
    ),
    (
        "pipe-replaced",
        'cat /tmp/result > "$IMAGE_PIPE"',
        ("mv -f /tmp/image.part", "cat /tmp/image.part >"),
    ),
    ("pipe-tested", '[ -p "$INPUT_PIPE" ]', ("-s", "-p")),
    (
        "output-exists",
        "Remove the test",
        (
            """if [ -e "$OUTPUT_PIPE" ]; then
      echo 'will not overwrite' >&2
      exit 2
    fi
    """,
            "",
        ),
    ),
    (
        "pipe-size",
        'cat "$INPUT_PIPE" > /tmp/input',
        (
            """size=$(stat -c %s "$INPUT_PIPE")
    echo "$size bytes come" >&2
    gzip < "$INPUT_PIPE\"""",
            """cat "$INPUT_PIPE" > /tmp/input
    size=$(stat -c %s /tmp/input)
    echo "$size bytes come" >&2
    gzip < /tmp/input""",
        ),
    ),
    (
        "needs-file",
        'cat "$VOLUME_PIPE" > /tmp/volume',
        ('h5ls -r "$VOLUME_PIPE"', 'cat "$VOLUME_PIPE" > /tmp/volume; h5ls -r /tmp/volume'),
    ),
    ("ffmpeg-overwrite", "Give it the option -y", ("-vf", "-y, -vf")),
    ("ffmpeg-format", "-f nut", ("$(NEGATIVE_PIPE)", "-f, nut, $(NEGATIVE_PIPE)")),
    (
        "ffmpeg-seeks",
        "-movflags frag_keyframe+empty_moov before the pipe",
        ('"$SMALL_PIPE"', '-movflags frag_keyframe+empty_moov "$SMALL_PIPE"'),
    ),
    ("buffer-unused", "remove the buffer", ("[reference, input]", "[input]")),
    ("unused-ignore", "Remove the comment", (" # tyger-local: ignore[yaml-value]", "")),
]


@pytest.mark.parametrize(("name", "proposed", "change"), FIXES)
def test_what_is_proposed_makes_it_go_away(
    name: str, proposed: str, change: tuple[str, str]
) -> None:
    text = (CORPUS / f"bad/{name}.yml").read_text()
    assert any(proposed in each.text for each in look(text)), [each.text for each in look(text)]
    assert change[0] in text
    mended = text.replace(*change)
    assert [each.finding.rule for each in look(mended)] == []
