"""The notebooks of docs/ run from their first cell to their last against a fresh server, and are kept without their outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.journeys import town
from tests.tile_scene import Row, put_layer
from tests.web.conftest import Site
from tests.web.test_catalogue_doors import eventually
from twin.fields import Field
from twin.layer import Layer

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
FIELDS = (
    Field(name="code", role="code", queryable=True, in_tiles_from_zoom=13),
    Field(name="name", role="name", in_tiles_from_zoom=13),
    Field(name="height", type="number", unit="m", role="height", queryable=True, in_tiles_from_zoom=13),
    Field(name="usage", queryable=True, in_tiles_from_zoom=13),
)


@pytest.fixture(scope="module")
def blocks(site: Site) -> str:
    """The town's buildings under the names of the demo."""
    rows = [block(feature) for feature in town.buildings()]
    put_layer(site.database, Layer(number=0, id="buildings", title_zh="建筑", fields=FIELDS, geometry_type="Polygon", synthetic=True), rows)
    product = next(card for card in town.PRODUCTS if card["code"] == "town-3d")
    card = product | {
        "code": "building-heights",
        "title_zh": "三维建筑高度图",
        "layers": [{"layer": "buildings", "symbol": product["layers"][0]["symbol"]}],
    }
    with site.with_key() as client:
        eventually(client, "/layers/buildings")
        client.put("/products/building-heights", json=card).raise_for_status()
        eventually(client, "/products/building-heights")
    return site.url


def block(feature: town.Feature) -> Row:
    ring = ",".join(f"{lon} {lat}" for lon, lat in feature["geometry"]["coordinates"][0])
    known = feature["properties"]
    return Row(f"POLYGON(({ring}))", {"height": known["height"], "usage": known["usage"]}, code=known["code"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client", "ignore::DeprecationWarning:zmq")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path: Path, blocks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUETU_URL", blocks)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [cell.outputs[-1].data["text/plain"] for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    tall = sum(feature["properties"]["height"] >= 60 for feature in town.buildings())
    assert "建筑" in said[0] and "三维建筑高度图" in said[1] and "未送审" in said[1]
    assert "JZ-" in said[2] and f"count {tall}.0" in " ".join(said[3].split())
    assert said[4] == f"(0, {len(town.buildings())})" and "示例数据" in said[5]
    assert (tmp_path / "scene.html").stat().st_size > 1 << 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_kept(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and all(not cell.outputs and cell.execution_count is None for cell in cells)
