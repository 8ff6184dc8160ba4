"""What docs/channels.md says of rules is what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from herdbook.channels.rules import ChannelRule, read_rules

PAGE = (Path(__file__).parents[3] / "docs" / "channels.md").read_text()


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the keys that people may write, those of inner parts after a full stop."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        declared = (field.annotation, *get_args(field.annotation))
        inner = [each for each in declared if isinstance(each, type)]
        parts = [each for each in inner if issubclass(each, BaseModel)]
        yield from (f"{key}.{each}" for part in parts for each in keys(part)) if parts else (key,)


def test_every_key_of_a_rule_is_documented_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)) == set(keys(ChannelRule))


def test_the_rules_of_the_page_can_be_applied(tmp_path: Path) -> None:
    [written] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "channels.yaml"
    file.write_text(written)
    [rule] = read_rules(file).channels
    assert set(ChannelRule.model_fields) == rule.model_fields_set
