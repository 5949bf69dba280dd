/* SPDX-License-Identifier: MIT */
/* `latchkey fence`: the latest fence of a name. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "rows.h"

int
fence_run(struct call *c)
{
	struct lk_record_info info = { .size = (uint32_t)sizeof(info) };
	struct lk_manager *m;
	int code = rows_open(c, &m);
	int rc;

	if (code != 0)
		return code;
	rc = lk_record_info(m, c->operands[0], strlen(c->operands[0]), &info);
	forget(lk_close(m));
	if (rc == 0 && (info.flags & LK_RECORD_DAMAGED) != 0)
		rc = LK_E_CORRUPT;
	if (rc != 0)
		return complain_of(c, c->operands[0], rc);
	if (c->json)
		return put_json(json_pack("{s:s, s:o}", "name", c->operands[0], "fence",
					  number_text(info.fence)));
	printf("%llu\n", (unsigned long long)info.fence);
	return 0;
}
