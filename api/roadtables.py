"""What is known of a stretch as tables: one content for the page, the printed report and the workbook."""

from __future__ import annotations

from collections.abc import Sequence

from api.roadcells import Table
from api.roadrated import RatedTables
from api.roadrecords import RecordTables
from hazard_db.stretch import Row


class Tables(RatedTables, RecordTables):
    """Every table of a stretch in a language."""

    def all(self, spent: Sequence[Row] = ()) -> list[Table]:
        """Return every table."""
        return [
            self.ranking(),
            self.kilometres(),
            self.contributions(),
            self.sites(),
            self.events(),
            self.changes(),
            self.deformation(),
            self.observations(),
            self.closures(),
            self.works(),
            self.costs(spent),
            self.structures(),
            self.looks(),
        ]
