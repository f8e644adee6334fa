"""Which names an upload may have: those a reader goes by."""

from importers import suffixes
from twin.errors import BadFile


def check_suffix(name: str) -> None:
    """BadFile for a name no reader goes by; what is inside is looked at by the job."""
    known = suffixes()
    if not name.lower().endswith(known):
        listed = " ".join(dict.fromkeys(known))
        raise BadFile(f"{name!r} is of no known kind ({listed})", f"不支持的文件类型：{name!r}（支持 {listed}）", place="file", mend=listed)
