"""The file of rules as it is read; what a rule says is judged without files, in `alerts.rules`."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from alerts.rules import RuleBook, problem_of
from hazard_db.errors import SettingsError

FILE = Path(__file__).parent / "rules.yml"


def load_rules(path: Path | None = None) -> RuleBook:
    """Return the rules of a file, or our own.

    Raises
    ------
    SettingsError
        The file is missing or says something that is not understood.
    """
    path = path or FILE
    try:
        return RuleBook.model_validate(yaml.safe_load(path.read_text(encoding="utf8")))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: the alert rules cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: the alert rules are not YAML ({' '.join(str(error).split())})") from error
    except ValidationError as error:
        raise SettingsError(f"{path}: {problem_of(error)}") from error
