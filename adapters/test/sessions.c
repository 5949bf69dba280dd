/* SPDX-License-Identifier: MIT */
/* Sessions of the test store: a list in the space, with times to live.  (TS4) */
#include "test/sessions.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/quiet.h"
#include "test/space.h"

static struct session *
find(struct test_store *s, const struct lk_session_id *id)
{
	return space_session(s->space, space_now(s->space, s), id);
}

static uint64_t
end_of(const struct test_store *s, uint64_t ttl_ns)
{
	uint64_t now = space_now(s->space, s);

	return ttl_ns > UINT64_MAX - now ? UINT64_MAX : now + ttl_ns;
}

static int
add(struct test_store *s, const struct lk_session_id *id, uint64_t ttl_ns, const char *who)
{
	static const struct lk_session_id none;
	struct session *made;

	if (memcmp(id, &none, sizeof(none)) == 0 || find(s, id) != NULL)
		return LK_E_INVAL;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return LK_E_NOMEM;
	made->id = *id;
	made->of = s;
	made->ttl_ns = ttl_ns;
	made->ends_ns = end_of(s, ttl_ns);
	(void)snprintf(made->who, sizeof(made->who), "%s", who != NULL ? who : "");
	made->next = s->space->sessions;
	s->space->sessions = made;
	return 0;
}

int
test_session_open(struct lk_store *base, const struct lk_session_id *id, uint64_t ttl_ns,
		  const char *who, uint64_t deadline_ns)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = s->is_read_only ? LK_E_PERM : faults_enter(s, deadline_ns);

	if (rc == 0) {
		rc = add(s, id, ttl_ns, who);
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

int
test_session_renew(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = faults_enter(s, deadline_ns);

	if (rc == 0) {
		struct session *found = find(s, id);

		if (found != NULL)
			found->ends_ns = end_of(s, found->ttl_ns);
		rc = found != NULL ? 0 : LK_E_LOST;
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

static void
drop(struct test_store *s, const struct lk_session_id *id)
{
	struct session *found = find(s, id);
	struct session **at = &s->space->sessions;

	if (found == NULL)
		return;
	while (*at != found)
		at = &(*at)->next;
	*at = found->next;
	free(found);
}

int
test_session_close(struct lk_store *base, const struct lk_session_id *id, uint64_t deadline_ns)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = faults_enter(s, deadline_ns);

	if (rc == 0) {
		drop(s, id);
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

int
test_session_alive(struct lk_store *base, const struct lk_session_id *ids, size_t n,
		   unsigned char *alive, uint64_t deadline_ns)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = faults_enter(s, deadline_ns);

	if (rc == 0) {
		for (size_t i = 0; i < n; i++)
			alive[i] = find(s, &ids[i]) != NULL;
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}

int
test_session_who(struct lk_store *base, const struct lk_session_id *id, char *buf, size_t cap,
		 uint64_t deadline_ns)
{
	struct test_store *s = (struct test_store *)base;
	const struct quiet q = quiet_enter();
	int rc = faults_enter(s, deadline_ns);

	if (rc == 0) {
		const struct session *found = find(s, id);

		if (cap > 0)
			(void)snprintf(buf, cap, "%s", found != NULL ? found->who : "");
		rc = found != NULL ? 0 : LK_E_NOENT;
		pthread_mutex_unlock(&s->space->lock);
	}
	return quiet_leave(q, rc);
}
