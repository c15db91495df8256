"""MapServer on a table of PostGIS, behind lighttpd by FastCGI and in one process, for comparison (packages cgi-mapserver, lighttpd)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode, urlsplit

MAP = """
MAP
  NAME "bench"
  EXTENT 73 35 76 38
  PROJECTION "init=epsg:4326" END
  WEB METADATA "ows_enable_request" "*" "ows_srs" "EPSG:4326" "ows_onlineresource" "http://127.0.0.1:{port}/" END END
  OUTPUTFORMAT NAME "geojson" DRIVER "OGR/GEOJSON" FORMATOPTION "STORAGE=stream" FORMATOPTION "FORM=SIMPLE" END
  OUTPUTFORMAT NAME "mvt" DRIVER "MVT" FORMATOPTION "EXTENT=4096" FORMATOPTION "EDGE_BUFFER=64" END
  LAYER
    NAME "bench" TYPE POINT STATUS ON TEMPLATE "x" MAXFEATURES 20000
    CONNECTIONTYPE POSTGIS CONNECTION "{connection}"
    PROCESSING "CLOSE_CONNECTION=DEFER"
    DATA "geom FROM published.bench USING UNIQUE id USING srid=4326"
    PROJECTION "init=epsg:4326" END
    METADATA "ows_title" "bench" "gml_include_items" "all" "gml_featureid" "id" "wfs_getfeature_formatlist" "geojson" "gml_types" "auto" END
    CLASS STYLE SIZE 3 COLOR 0 0 0 END END
  END
END
"""
SERVER = """
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_setenv", "mod_fastcgi")
server.max-keep-alive-requests = 100000
fastcgi.server = ("/" => ((
  "socket" => "{folder}/mapserv.sock", "bin-path" => "/usr/bin/mapserv", "check-local" => "disable", "max-procs" => 1,
  "bin-environment" => ("MAPSERVER_CONFIG_FILE" => "{folder}/mapserver.conf"))))
setenv.add-environment = ("MS_MAPFILE" => "{folder}/bench.map", "MAPSERVER_CONFIG_FILE" => "{folder}/mapserver.conf")
"""
CONFIG = 'CONFIG\n  ENV\n    MS_MAP_PATTERN "."\n  END\nEND\n'


def command(folder: Path, url: str, port: int) -> list[str]:
    """Return how to start it, after its files were written to a folder."""
    at = urlsplit(url)
    told = f"host={at.hostname} port={at.port} dbname={at.path[1:]} user={at.username} password={at.password}"
    told += " options='-c jit=off -c max_parallel_workers_per_gather=0'"
    (folder / "bench.map").write_text(MAP.format(port=port, connection=told))
    (folder / "mapserver.conf").write_text(CONFIG)
    (folder / "lighttpd.conf").write_text(SERVER.format(port=port, folder=folder))
    return ["/usr/sbin/lighttpd", "-D", "-f", str(folder / "lighttpd.conf")]


def items(box: tuple[float, ...], limit: int) -> str:
    """Return the address of a page of features, by WFS."""
    west, south, east, north = box
    asked = {
        "SERVICE": "WFS", "VERSION": "2.0.0", "REQUEST": "GetFeature", "TYPENAMES": "bench", "COUNT": limit,
        "OUTPUTFORMAT": "geojson", "BBOX": f"{south},{west},{north},{east},urn:ogc:def:crs:EPSG::4326",
    }  # fmt: skip
    return "/?" + urlencode(asked)


def tile(z: int, x: int, y: int) -> str:
    """Return the address of a vector tile."""
    return "/?" + urlencode(
        {"mode": "tile", "tilemode": "gmap", "layers": "bench", "map.imagetype": "mvt", "tile": f"{x} {y} {z}"}
    )
