/* SPDX-License-Identifier: MIT */
/* Writing a report into memory of the caller: nothing is allocated, and nothing can fail. */
#include "core/report.h"

static void
empty(struct lk_report *report)
{
	memset((char *)report + sizeof(report->size), 0, sizeof(*report) - sizeof(report->size));
}

int
report_begin(struct lk_report *report)
{
	int rc;

	if (report == NULL)
		return 0;
	rc = check_struct(report, report->size, sizeof(*report));
	if (rc != 0)
		return rc;
	if (report->size < sizeof(*report)) /* as large as it was in the first version */
		return LK_E_INVAL;
	empty(report);
	return 0;
}

void
report_clear(struct lk_report *report)
{
	report->n = report->kept = 0;
}

void
report_fill(struct lk_report *report, const struct blocked *what, bool has_place)
{
	struct blockers b = { .at = report->blocker, .room = LK_REPORT_BLOCKERS, .n = report->n };

	blockers_add_holders(&b, what);
	if (has_place)
		blockers_add_ahead(&b, what);
	report->n = b.n;
	report->kept = b.n < b.room ? b.n : b.room;
}

void
report_end(struct lk_report *report, int rc)
{
	switch (rc) {
	case LK_E_BUSY:
	case LK_E_TIMEDOUT:
	case LK_E_CANCELED:
	case LK_E_DEADLOCK:
	case LK_E_CONVERSION_DEADLOCK:
		report->code = rc;
		break;
	case LK_E_STORE:
	case LK_E_BREAKER:
	case LK_E_MOVED:
	case LK_E_UNKNOWN:
	case LK_E_CORRUPT:
		report->code = rc; /* with the words of the store, and nobody's name */
		report->n = report->kept = 0;
		break;
	default:
		empty(report); /* who stood in the way while it waited is gone */
	}
}
