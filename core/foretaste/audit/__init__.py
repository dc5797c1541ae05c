"""The leak audit: items that are listed in both domains, through which the source gives the test away.

It looks at the whole data, before anything is hidden; its counts are therefore never facts that a rule may test.
"""

from foretaste.audit._remedies import drop_twins, merge_twins
from foretaste.audit._report import AuditReport, audit_pair
from foretaste.audit._twins import Twins, find_twins, twins_under_null

__all__ = [
    "AuditReport",
    "Twins",
    "audit_pair",
    "drop_twins",
    "find_twins",
    "merge_twins",
    "twins_under_null",
]
