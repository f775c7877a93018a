"""Links as users have them: files and pipes of any form, and what Python has for a graph."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import threading
import zipfile

import networkx
import numpy as np
import pytest
from conftest import run, small

import mfgcore
from mfgcore import ConfigurationError, cli
from mfgcore._base.errors import shorten
from mfgcore.batch.collect import check_run
from mfgcore.experiment import edge_lists as edges
from mfgcore.experiment.edge_lists import read_edges
from mfgcore.experiment.parameter_spec import first_difference, identity
from mfgcore.pipeline import configuration
from mfgcore.pipeline.configuration import located
from mfgcore.runs.datasets import to_dataset

PAIRS = [(0, 1), (1, 2), (2, 3)]
TEXT = b"0 1\n1 2\n2 3\n"
LINE = "write '{} {}', with a space between the two"
IS_NOT = "is not the numbers of two agents"
WEIGHTS = "weights are not used: leave two columns, separated by a space"
WRITE = "networkx.write_edgelist(graph, path, data=False)"
WHOLE = "write whole numbers: np.savetxt(path, pairs, fmt='%d')"
HEADER = "put # before a header; agents have numbers, not names"


def packed_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("net.txt", TEXT)
    return file.getvalue()


def written(write, *arguments, **options):
    """What a library writes to a file."""
    file = io.BytesIO()
    write(*arguments, file, **options)
    return file.getvalue()


def saved(save, what, **options):
    return written(lambda file: save(file, what, **options))


WEIGHED = networkx.Graph()
WEIGHED.add_edge(0, 1, weight=0.5)

READ = {
    "spaces": TEXT,
    "tabs": b"0\t1\n 1 \t 2\t\n2 3",
    "windows": TEXT.replace(b"\n", b"\r\n"),
    "old mac": TEXT.replace(b"\n", b"\r"),
    "empty lines": b"\n\n0 1\n\n \t\n1 2\n2 3\n\n",
    "comments": b"# links\n0 1 # the first\n1 2#2\n   # more\n2 3\n",
    "a comment with odd line ends": "# a\x85 4 5\u2028 4 5\x0c4 5\x1c4 5\n".encode() + TEXT,
    "a comment that is no UTF-8": b"# r\xe9seau\n" + TEXT,
    "a comment with a zero-width no-break space": "# \ufeff\n".encode() + TEXT,
    "UTF-8 with BOM": b"\xef\xbb\xbf" + TEXT,
    "UTF-16": TEXT.decode().encode("utf-16"),
    "UTF-16, big": b"\xfe\xff" + TEXT.decode().encode("utf-16-be"),
    "gzip": gzip.compress(TEXT),
    "gzip of several parts": gzip.compress(TEXT[:5]) + gzip.compress(TEXT[5:]),
    "gzip with BOM": gzip.compress(b"\xef\xbb\xbf" + TEXT),
    "networkx": written(networkx.write_edgelist, networkx.path_graph(4)),
    "networkx without data": written(networkx.write_edgelist, networkx.path_graph(4), data=False),
    "numpy": saved(np.savetxt, PAIRS, fmt="%d", header="from to"),
    "leading zeros": b"00 01\n01 02\n002 003\n",
}


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read(name, tmp_path):
    path = tmp_path / "net.txt"
    path.write_bytes(READ[name])
    assert read_edges(str(path))[0].tolist() == [[i, j] for i, j in PAIRS]


def test_a_digest_is_of_what_is_packed(tmp_path):
    names = ("net.txt", "net.gz", "later.gz")
    contents = TEXT, gzip.compress(TEXT, mtime=1), gzip.compress(TEXT, mtime=2)
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    assert len({read_edges(str(tmp_path / name))[1] for name in names}) == 1


REFUSED = {
    "commas": (b"0,1\n", LINE.format(0, 1)),
    "commas and spaces": (b"0 1\n10, 2\n", f"line 2: '10, 2' {IS_NOT}; {LINE.format(10, 2)}"),
    "semicolons": (b"0;1\n", LINE.format(0, 1)),
    "a comma at the end": (b"0 1,\n", LINE.format(0, 1)),
    "quotes": (b'"0","1"\n', LINE.format(0, 1)),
    "Python pairs": (b"(0, 1)\n", LINE.format(0, 1)),
    "lists": (b"[0, 1],\n", LINE.format(0, 1)),
    "DOT without header": (b"0 -- 1;\n", LINE.format(0, 1)),
    "a no-break space": ("0\xa01\n".encode(), LINE.format(0, 1)),
    "a form feed": (b"0\x0c1\n", LINE.format(0, 1)),
    "a line separator": ("0\u20281\n".encode(), LINE.format(0, 1)),
    "a next line": ("0 1\x851 2\n".encode(), "'0 1\\x851 2' is not the numbers"),
    "CSV with weights": (b"0,1,0.5\n", WEIGHTS),
    "weights": (b"0 1\n\n1 2 0.5\n", f"line 3: '1 2 0.5' {IS_NOT}; {WEIGHTS}"),
    "whole weights": (b"0 1 3\n", WEIGHTS),
    "times": (b"0\t1\t1082040961\n", "nine digits"),
    "signs": (b"0 1 +\n", LINE.format(0, 1)),
    "what networkx has of links": (written(networkx.write_edgelist, WEIGHED), WRITE),
    "weights of networkx": (written(networkx.write_weighted_edgelist, WEIGHED), WEIGHTS),
    "a header": (b"source target\n0 1\n", HEADER),
    "a header of CSV": (b"source,target\n0,1\n", HEADER),
    "a header in quotes": (b'"","V1","V2"\n"1",0,1\n', HEADER),
    "names": (b"alice bob\n", HEADER),
    "names and numbers": (b"n0 n1\n", HEADER),
    "np.savetxt": (saved(np.savetxt, PAIRS), WHOLE),
    "np.savetxt of a matrix": (saved(np.savetxt, np.eye(3)), WHOLE),
    "floats": (b"0 1.0\n", WHOLE),
    "pandas with NaN": (b"0,1.0\n1,nan\n", WHOLE),
    "scientific": (b"0 1e3\n", WHOLE),
    "no number": (b"0 nan\n", WHOLE),
    "negative": (b"0 -1\n", "agents are numbered from 0 on"),
    "negative first": (b"-1 0\n", "agents are numbered from 0 on"),
    "negative of CSV": (b"0,-1\n", "agents are numbered from 0 on"),
    "long numbers": (b"0 " + 5000 * b"9", "an agent's number has nine digits at most"),
    "a number alone": (b"0 1\n7\n", "an agent without links needs no line"),
    "neighbours": (b"0 1 2 3\n", "write a line for each link"),
    "a matrix": (saved(np.savetxt, np.eye(4), fmt="%d"), "np.argwhere(matrix)"),
    "hexadecimal": (b"0x0 0x1\n", HEADER),
    "superscripts": ("0 ²\n".encode(), HEADER),
    "Arabic digits": ("٠ ١\n".encode(), "write two whole numbers"),  # noqa: RUF001
    "underscores": (b"1_0 2\n", "write two whole numbers"),
    "a plus": (b"0 +1\n", LINE.format(0, 1)),
    "Matlab's comment": (b"% links\n0 1\n", "put # before a comment"),
    "C's comment": (b"// links\n0 1\n", "put # before a comment"),
    "GraphML": ("\n".join(networkx.generate_graphml(WEIGHED)).encode(), "GraphML: " + WRITE),
    "GEXF": ("\n".join(networkx.generate_gexf(WEIGHED)).encode(), "XML, such as"),
    "GML": ("\n".join(networkx.generate_gml(WEIGHED)).encode(), "GML or DOT: " + WRITE),
    "GML of others": (b'Creator "me"\ngraph\n[\n', "GML or DOT: " + WRITE),
    "DOT": (b"graph {\n0 -- 1;\n}\n", "GML or DOT: " + WRITE),
    "DOT, strict": (b"strict digraph G {\n", "GML or DOT: " + WRITE),
    "Pajek": ("\n".join(networkx.generate_pajek(WEIGHED)).encode(), "Pajek: " + WRITE),
    "MatrixMarket": (b"%%MatrixMarket matrix coordinate pattern\n4 4 3\n", "scipy.io.mmread"),
    "graph6": (networkx.to_graph6_bytes(networkx.path_graph(4)), "graph6: " + WRITE),
    "JSON": (json.dumps({"edges": PAIRS}).encode(), "JSON: leave two numbers on each line"),
    "JSON list": (json.dumps(PAIRS).encode(), "JSON: leave two numbers on each line"),
    "JSON on lines": (json.dumps(PAIRS, indent=1).encode(), "JSON: leave two numbers on each line"),
    "bzip2": (bz2.compress(TEXT), "packed by bzip2: unpack it; only gzip is unpacked here"),
    "xz": (lzma.compress(TEXT), "packed by xz: unpack it"),
    "zip": (packed_zip(), "packed by zip: unpack it"),
    "bzip2 in gzip": (gzip.compress(bz2.compress(TEXT)), "packed by bzip2: unpack it"),
    "gzip cut": (gzip.compress(TEXT)[:-9], "is packed by gzip and damaged: "),
    "gzip flipped": (gzip.compress(TEXT)[:12] + 9 * b"\xff", "damaged: "),
    "gzip with another end": (gzip.compress(TEXT)[:-8] + 8 * b"\1", "damaged: "),
    "UTF-16 without BOM": (TEXT.decode().encode("utf-16-le"), "is no text: write two"),
    "UTF-16 cut": (TEXT.decode().encode("utf-16")[:-1], "is no text: "),
    "numpy's own": (saved(np.save, np.array(PAIRS)), "np.savetxt(path, pairs, fmt='%d') writes"),
    "pickle": (pickle.dumps(PAIRS), "is no text: write two"),
    "no UTF-8": (b"0 1\n\xe9 1\n", "line 2: '\\udce9 1' is not"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_what_to_do(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, message = REFUSED[name]
    (tmp_path / "net.txt").write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        read_edges("net.txt")
    said = str(error.value)
    assert said.startswith("edges: 'net.txt'") and message in said
    assert said.isprintable() and len(said) < 290


def test_what_is_no_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(edges, "MOST_BYTES", 100)
    (tmp_path / "long").write_bytes(30 * b"0 1\n")
    (tmp_path / "bomb").write_bytes(gzip.compress(30 * b"0 1\n"))
    for path, message in {
        "gone/net.txt": f"No such file or directory (looked for in '{tmp_path}/gone')",
        ".": "Is a directory",
        "a" * 300: "File name too long",
        "long": "holds more than 100 bytes",
        "bomb": "holds more than 100 bytes",
        "/dev/zero": "holds more than 100 bytes",
    }.items():
        with pytest.raises(ConfigurationError) as error:
            read_edges(path)
        assert message in str(error.value)


def test_an_agent_beyond_is_told_where_numbers_begin(tmp_path):
    (tmp_path / "net.txt").write_bytes(b"1 2\n2 3\n3 4\n")
    message = "links agent 4; the agents are 0 to 3; their numbers begin at 0$"
    with pytest.raises(ConfigurationError, match=message):
        small(
            network="edge_list", edges=str(tmp_path / "net.txt"), agents=4, allow_disconnected=True
        )


# --------------------------------------------------------------------------------------- pipes

RUN = ["run", "--game", "agree", "--agents", "4", "--iterations", "2", "--transitions", "150"]
RUN += ["--replay-cycles", "4", "--quiet", "--network", "edge_list"]


@pytest.fixture
def pipe():
    """A function that gives the path of a pipe with some content, as ``<(...)`` of a shell is."""
    ends = []

    def make(content):
        end, start = os.pipe()
        ends.append(end)
        os.write(start, content)
        os.close(start)
        return f"/dev/fd/{end}"

    yield make
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT, mtime=0)])
def test_a_pipe_is_read_once_by_a_whole_run(content, pipe, tmp_path):
    (tmp_path / "net.txt").write_bytes(TEXT)
    sources = {"pipe.nc": pipe(content), "file.nc": str(tmp_path / "net.txt")}
    for name, path in sources.items():
        assert cli.main([*RUN, "--edges", path, "--output", str(tmp_path / name)]) == 0
    one, two = (mfgcore.load(tmp_path / name) for name in sources)
    assert one.equals(two)
    digests = [json.loads(each.attrs["configuration"])["edges_digest"] for each in (one, two)]
    assert digests[0] == digests[1]


def test_a_named_pipe_is_read_once_even_if_it_is_gone(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(TEXT,))
    writer.start()
    first = read_edges(str(path))
    writer.join()
    again = read_edges(str(path))
    path.unlink()
    for edges_read, digest in (again, read_edges(str(path))):
        assert digest == first[1] and edges_read.tolist() == first[0].tolist()


def test_another_pipe_of_the_same_number_is_another(pipe):
    found = []
    for content in (TEXT, b"0 1\n"):
        path = pipe(content)
        found.append(len(read_edges(path)[0]))
        end = int(path.rpartition("/")[2])
        spare = os.open(os.devnull, os.O_RDONLY)
        os.dup2(spare, end)
        os.close(spare)
    assert found == [3, 1]


def test_what_was_read_of_pipes_can_be_handed_to_another_process(pipe, monkeypatch):
    path = pipe(TEXT)
    expected = read_edges(path)[1]
    handed = pickle.loads(pickle.dumps(edges.kept()))
    monkeypatch.setattr(edges, "_kept", {})
    other = "/dev/null"  # what a path such as /dev/stdin may be there
    edges.keep({**handed, other: TEXT})
    assert read_edges(path)[1] == read_edges(other)[1] == expected


def test_a_file_that_changes_is_read_anew(tmp_path):
    path = tmp_path / "net.txt"
    path.write_bytes(TEXT)
    first = read_edges(str(path))[1]
    path.write_bytes(TEXT + b"3 0\n")
    assert read_edges(str(path))[1] != first


# ------------------------------------------------------------------------------ relative paths

OWN = """\
import: [game.py, ../shared/other.py, /opt/far.py]
parameters: {edges: net.txt}
experiments:
  mine: {network: edge_list, edges: nets/a.txt}
  edges: {agents: 3}
comparisons:
  parameters: {edges: net.txt}
  experiments:
    nets:
      edges: net.txt
      factors: {three: {one: {edges: net.txt}, none: null, four: {edges: null}, five: {edges: 3}}}
ablations:
  parameters: {edges: net.txt}
  experiments:
    first: {factors: {edges: [net.txt, null], network: [ring]}, title: net.txt}
"""


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """A working directory with a folder of configurations."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/own.yaml").write_text(OWN)
    return tmp_path / "studies"


@pytest.mark.parametrize("absolute", [True, False])
def test_a_path_is_relative_to_the_file_that_names_it(studies, absolute):
    path = studies / "own.yaml" if absolute else "studies/own.yaml"
    config = configuration.read([path])
    assert config["import"] == ["studies/game.py", "shared/other.py", "/opt/far.py"]
    assert config["experiments"]["mine"]["edges"] == "studies/nets/a.txt"
    assert config["experiments"]["edges"] == {"agents": 3}
    nets = config["comparisons"]["experiments"]["nets"]
    levels = nets["factors"]["three"]
    assert levels == {
        "one": {"edges": "studies/net.txt"},
        "none": None,
        "four": {"edges": None},
        "five": {"edges": 3},
    }
    first = config["ablations"]["experiments"]["first"]
    assert first["factors"] == {"edges": ["studies/net.txt", None], "network": ["ring"]}
    assert first["title"] == "net.txt"
    assert nets["edges"] == "studies/net.txt"
    for section in (config, config["comparisons"], config["ablations"]):
        assert section["parameters"] == {"edges": "studies/net.txt"}


@pytest.mark.parametrize("path", ["own.yaml", "./own.yaml", "../studies/own.yaml"])
def test_a_path_beside_a_file_of_the_working_directory_is_as_it_is_written(
    studies, path, monkeypatch
):
    monkeypatch.chdir(studies)
    config = configuration.read([path], {"seed": 3}, ["parameters={edges: a/../b.txt}"])
    assert config["import"] == ["game.py", "../shared/other.py", "/opt/far.py"]
    assert config["parameters"]["edges"] == "a/../b.txt"  # of the command line


def test_a_path_that_another_file_overrides_is_relative_to_that(studies):
    (studies.parent / "more").mkdir()
    (studies.parent / "more/own.yaml").write_text("parameters: {edges: net.txt}\nseed: 1\n")
    for paths, expected in (
        (["studies/own.yaml", "more/own.yaml"], "more/net.txt"),
        (["more/own.yaml", "studies/own.yaml"], "studies/net.txt"),
    ):
        config = configuration.read(paths)
        assert config["parameters"]["edges"] == expected
        assert config["import"][0] == "studies/game.py"
        over = configuration.read(paths, {"parameters": {"edges": "net.txt"}})
        assert over["parameters"]["edges"] == "net.txt"


def test_the_folder_behind_a_link_is_where_it_leads(studies, tmp_path):
    (tmp_path / "deep/inner").mkdir(parents=True)
    (tmp_path / "deep/inner/own.yaml").write_text("import: [../game.py]\n")
    (tmp_path / "link").symlink_to(tmp_path / "deep/inner")
    (path,) = configuration.read(["link/own.yaml"])["import"]
    assert os.path.realpath(path) == str(tmp_path / "deep/game.py")


def test_what_was_merged_from_several_files_is_looked_for_beside_each(studies):
    for name in ("game.py", "studies/game.py", "studies/net.txt"):
        (studies.parent / name).write_text("")
    (studies.parent / "more").mkdir()
    merged = {"import": ["game.py", "nowhere.py"], "parameters": {"edges": "net.txt"}}
    found = located(merged, ["more", "studies", "."])
    assert found["import"] == ["studies/game.py", "more/nowhere.py"]
    assert found["parameters"] == {"edges": "studies/net.txt"}
    assert located(merged, ["more", "."])["import"][0] == "game.py"


def test_a_file_that_is_missing_is_told_with_its_folder(studies, tmp_path):
    with pytest.raises(ConfigurationError) as error:
        configuration.import_files(configuration.read(["studies/own.yaml"]))
    said = f"import: studies/game.py: there is no such file in {shorten(str(studies))}"
    assert str(error.value) == said


def test_every_key_of_a_path_is_known():
    paths = {key for key, each in mfgcore.experiment.parameters.parameters().items() if each.path}
    assert paths | {"import"} == set(configuration.PATHS)


# --------------------------------------------------------------------- the same file elsewhere


def test_a_run_of_the_same_links_is_the_same_wherever_their_file_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.txt").write_bytes(TEXT)
    (tmp_path / "two.txt").write_bytes(TEXT)
    (tmp_path / "three.txt").write_bytes(TEXT + b"3 0\n")
    one, two, three = (
        small(network="edge_list", edges=f"{name}.txt", agents=4)
        for name in ("one", "two", "three")
    )
    dataset = to_dataset(run(one))
    check_run("run", dataset, two)
    with pytest.raises(mfgcore.RunFileError, match=r"was made with edges = 'one.txt', expected"):
        check_run("run", dataset, three)
    assert first_difference({"edges": "a"}, {"edges": "b"}) == "edges = 'a', expected 'b'"
    assert (
        identity(one.effective_parameters())
        == identity(two.effective_parameters())
        != identity(three.effective_parameters())
    )
