/* SPDX-License-Identifier: MIT */
/*
 * Values of names that processes share (VC1-VC4).  Each write is a number of its own, in the order in which they begin; a
 * reader gets the last that had ended when it began, or one that was under way meanwhile, and its version.  What a
 * process wrote whose session is over may be gone, and then whoever reads is told.
 */
#include "remote/inside.h"
#include "stored.h"

static struct valued *
value_of(const struct entry_of_book *e)
{
	return &play.valued[e->name];
}

/* The cover of a name, in the manager that is looked at; NULL: it has none. */
static const struct cover *
cover_of(unsigned name)
{
	const struct remote *m = play.m->remote;
	const size_t n = strlen(play_script->name[name]);

	for (unsigned i = 0; m != NULL && i < CHAINS; i++) {
		const struct cds_list_head *node;

		cds_list_for_each(node, &m->chain[i])
		{
			const struct cover *c = container_of(node, struct cover, node);
			size_t len;
			bool is_id;
			const void *text = resource_name(c->r, &len, &is_id);

			if (!is_id && len == n && memcmp(text, play_script->name[name], n) == 0)
				return c;
		}
	}
	return NULL;
}

/* What was written got that version: above those of all that were written before.  (VC3) */
static void
check_version(struct valued *v, unsigned serial, uint64_t version, const char *name)
{
	if (v->version[serial] != 0 && v->version[serial] != version)
		fail("a value of %s has two versions, %llx and %llx (VC3)", name,
		     (unsigned long long)v->version[serial], (unsigned long long)version);
	for (unsigned i = 1; i <= v->begun; i++) {
		if (i == serial || v->version[i] == 0)
			continue;
		if (v->version[i] == version || (i < serial && !v->is_void[i] &&
						 !v->is_void[serial] && v->version[i] > version))
			fail("a value of %s has version %llx, and one before it has %llx (VC3)",
			     name, (unsigned long long)version, (unsigned long long)v->version[i]);
	}
	v->version[serial] = version;
}

static void
note_version(struct valued *v, unsigned name, unsigned serial)
{
	const bool quiet = world.quiet;
	const struct cover *c;

	world.quiet = true;
	c = cover_of(name);
	if (c != NULL && c->value.is.len == sizeof(serial) &&
	    memcmp(c->value.is.bytes, &serial, sizeof(serial)) == 0)
		check_version(v, serial, c->value.is.version, play_script->name[name]);
	world.quiet = quiet;
}

/*
 * Somebody has the name who found this there: what was written by who had lost it can not come any more.  Nor anything
 * else, if nobody but he may write.
 */
static void
bury_others(struct valued *v, unsigned serial, bool is_alone)
{
	for (unsigned i = 1; i <= v->begun; i++)
		v->is_dead[i] |= (is_alone || v->is_void[i]) && i != serial;
}

static int
write_value(const struct step *t)
{
	struct entry_of_book *e = book_find(t->fiber, t->label);
	struct valued *v;
	unsigned serial;
	bool was_lost;
	int rc;

	if (e == NULL)
		fail("line %u: nothing is held that could be written to", t->line);
	v = value_of(e);
	if (v->begun + 1 == VALUES_MAX)
		fail("more values than the tester has room for");
	serial = ++v->begun;
	was_lost = leased_is_over(e);
	v->is_void[serial] = was_lost; /* until it is known to be good, if it ever is */
	rc = lk_value_write(play.owner[t->fiber], play.grant[t->fiber][t->label], &serial,
			    sizeof(serial));
	note_version(v, e->name, serial);
	if (was_lost || leased_is_over(e) || rc == LK_E_BUSY || rc == LK_E_LOST || rc == LK_E_STALE)
		return rc;
	v->done = serial;
	v->trust = TRUST_ALL;
	bury_others(v, serial, true);
	return rc;
}

/* May it be what is there, as seen by one who began to read when `before` was? */
static void
check_read(struct valued *v, const struct valued *before, const struct lk_value *value,
	   bool is_alone, const char *name)
{
	const bool is_told = (value->flags & LK_VALUE_INVALID) != 0;
	const enum trust trust = v->trust < before->trust ? before->trust : v->trust;
	unsigned serial = 0;

	if (value->len != 0 && value->len != sizeof(serial))
		fail("a value of %s has %u bytes", name, (unsigned)value->len);
	memcpy(&serial, value->bytes, value->len);
	if (serial > v->begun)
		fail("%s has value %u, which nobody wrote", name, serial);
	if (before->is_dead[serial])
		fail("%s has value %u, and who wrote it had lost the name (VC4)", name, serial);
	if (serial < before->done && !((is_told || value->version == 0) && trust != TRUST_ALL))
		fail("%s has value %u, and %u was written (VC1, VC2)", name, serial, before->done);
	if (is_told && trust == TRUST_ALL &&
	    !v->had_losses) /* or one who is dead was granted it since */
		fail("the value of %s is as it was written, and said to be invalid (VC4)", name);
	if (!is_told && value->version != 0 && before->trust == TRUST_NONE &&
	    v->trust == TRUST_NONE)
		fail("who wrote the value of %s did not end well, and nobody says so (VC4)", name);
	if (serial != 0)
		check_version(v, serial, value->version, name);
	bury_others(v, serial, is_alone);
}

static int
read_value(const struct step *t)
{
	struct lk_value value = { .size = sizeof(value) };
	const struct entry_of_book *e = book_find(t->fiber, t->label);
	struct valued before;
	int rc;

	if (e == NULL)
		fail("line %u: nothing is held that could be read", t->line);
	before = *value_of(e);
	rc = lk_value_read(play.owner[t->fiber], play.grant[t->fiber][t->label], &value);
	if (rc == 0 && !leased_is_over(e))
		check_read(value_of(e), &before, &value, book_writes(t->fiber, e->name) != LK_NL,
			   play_script->name[e->name]);
	return rc;
}

/* Whoever has the name in a mode that writes does not end well. */
void
valued_ends(unsigned name, bool was_writing)
{
	struct valued *v = &play.valued[name];

	if (v->begun == 0)
		return;
	v->had_losses |= !was_writing;
	memset(v->is_dead, 0, sizeof(v->is_dead)); /* what is there may be one before */
	if (was_writing)
		v->trust = TRUST_NONE;
	else if (v->trust == TRUST_ALL)
		v->trust = TRUST_SOME;
}

bool
valued_step(const struct step *t, int *rc)
{
	switch (t->verb) {
	case VERB_VALUE_READ:
		*rc = read_value(t);
		return true;
	case VERB_VALUE_WRITE:
		*rc = write_value(t);
		return true;
	default:
		return false;
	}
}
