"""Execute notebooks and keep what they show: ``python docs/make_notebooks.py [NOTEBOOK ...]``.

Without a name it is all of them; ``from_mfglib.ipynb`` needs the extra mfglib. Texts and pictures
are kept, for those who read them where nothing is executed. The digest of the code is kept with
them, so that a test sees whether they are of this code.
"""

import base64
import hashlib
import io
import json
import sys
from pathlib import Path

from PIL import Image

NOTEBOOKS = sorted(Path(__file__).parent.glob("*.ipynb"))
SHOWN = ("text/plain", "image/png")
OBJECT = " at 0x"  # in the text of what is shown by other means


def digest(cells):
    """BLAKE2b digest of the code of a notebook; str."""
    code = "\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "code")
    return hashlib.blake2b(code.encode(), digest_size=16).hexdigest()


def kept(output):
    """Texts and the picture of one output, the picture with few colours; dict, or None."""
    if output["output_type"] == "stream":
        return output if output["name"] == "stdout" else None
    data = {key: value for key, value in output.get("data", {}).items() if key in SHOWN}
    if "image/png" in data:
        with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as drawn:
            few, file = drawn.convert("RGB").quantize(64), io.BytesIO()
        few.save(file, "PNG", optimize=True)
        data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    elif OBJECT in "".join(data.get("text/plain", "")):
        return None
    return output | {"data": data, "metadata": {}} if data else None


def make(path):
    """Execute a notebook, and write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}).execute()
    content = json.loads(nbformat.writes(notebook))
    for cell in content["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = [each for each in map(kept, cell["outputs"]) if each]
    content["metadata"] = {
        "kernelspec": content["metadata"]["kernelspec"],
        "language_info": {"name": "python"},
        "code_digest": digest(content["cells"]),
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for each in list(map(Path, sys.argv[1:])) or NOTEBOOKS:
        make(each.resolve())
