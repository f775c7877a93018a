"""Configurations are read by the rules of YAML 1.2, in one line if they are none."""

import pytest

from mfgcore import ConfigurationError, configuration


def read(text, folder):
    (folder / "own.yaml").write_text(text)
    return configuration.read([folder / "own.yaml"])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("010", 10), ("08", 8), ("0o10", 8), ("0x1F", 31), ("+5", 5), ("1e3", 1000.0), (".5", 0.5),
        ("1:30", "1:30"), ("yes", "yes"), ("off", "off"), ("True", True), ("~", None), ("", None),
        ("1e-3", 1e-3), ("'010'", "010"), ("[&a 1, *a]", [1, 1]), ("{a: {a: 1}}", {"a": {"a": 1}}),
    ],
)  # fmt: skip
def test_values(written, value, tmp_path):
    for config in (
        read(f"key: {written}\n", tmp_path),
        configuration.read([], None, [f"key={written}"]),
    ):
        assert config == {"key": value}
        assert type(config["key"]) is type(value)


def nested(form, between):
    """Nine lines, each of which stands nine times for the one before: 4e8 values."""
    lines = ["a0: &a0 {k: 1}"]
    for number in range(1, 10):
        each = [between.format(index, f"*a{number - 1}") for index in range(9)]
        lines.append(f"a{number}: &a{number} {form.format(', '.join(each))}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 1\n\nseed: 2\n", 'line 3: found duplicate key "seed" with value "2" (original val'),
        ("parameters:\n  {game: a,\n  game: b}\n", 'line 3: found duplicate key "game"'),
        ("\na: [1\n", "line 3: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb:\t1\n", "line 2: found character '\\t'"),
        ("a: 1\nb: *c\n", "line 2: found undefined alias 'c'"),
        ("a: 1\nb: \0\n", "line 2: character 0x0 is not allowed"),
        ("a: 1\nb: " + "9" * 5000, "line 2: Exceeds the limit"),
        ("a: 1\nb: 2020-13-01", "line 2: month must be in 1..12"),
        ("a: !!python/object/apply:os.system [id]", "line 1: could not determine a constructor"),
        ("a: 1\n---\na: 2\n", "line 2: but found another document"),
        ("a: {b: 1}\n? {a: 1}\n: 1\n", "line 2: found unhashable key"),
        ("a: &a {<<: {b: 1}}", "line 1: '<<' is no key of YAML 1.2"),
        ("a: " + "[" * 5000, "is nested too deeply"),
        ("a: &a [*a]", "has more than 100,000 values"),
        (nested("[{}]", "{1}"), "has more than 100,000 values"),
        (nested("{{{}}}", "k{0}: {1}"), "has more than 100,000 values"),
        (nested("{{<<: [{}]}}", "{1}"), "line 2: '<<' is no key of YAML 1.2"),
        ("- 1\n", "holds no keys and values"),
    ],
)
def test_what_is_refused_in_one_line(text, expected, tmp_path):
    with pytest.raises(ConfigurationError) as error:
        read(text, tmp_path)
    message = str(error.value)
    assert "own.yaml'" in message and expected in message
    assert message.isprintable() and len(message) < 400


def test_what_is_said_on_a_command_line_is_named_by_its_key():
    with pytest.raises(ConfigurationError, match=r"^--config seed, line 1: expected"):
        configuration.read([], words=["seed=[1"])
    words = ["experiments={fig1: {agents: 010}}", "experiments={fig2: null}", "seed=2"]
    expected = {"experiments": {"fig1": {"agents": 10}, "fig2": None}, "seed": 2}
    assert configuration.read([], words=words) == expected
