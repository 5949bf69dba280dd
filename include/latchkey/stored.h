/* SPDX-License-Identifier: MIT */
/*
 * Settings that are stored with the locks: what a store says to all who open it.
 *
 * lk_open() of a URL with a store takes each setting from the last of these that says something of it: the default, the
 * store, a file, variables, the call (settings.h).  So what is stored is a default for all processes, whatever they are
 * told themselves; but `separator`, in which all must agree: who says another one than is stored is refused.
 *
 * All settings of LK_SETTING_LIST can be stored, and `strict`.  `label`, `preset`, `timed`, `debug_order` and `manual` are
 * what a program says of itself.  Managers that are open keep what they began with.  Settings that a later version stored
 * are not looked at by those that do not know them.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_STORED_H
#define LATCHKEY_STORED_H

#include <latchkey/settings.h>
#include <latchkey/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lk_stored_set - store a setting.
 *
 * It needs no manager: should what is stored be damaged, so that lk_open() is LK_E_CORRUPT, this writes it anew, without what
 * was there.  It outlives a power cut if the store can do that.
 *
 * Ownership   `value` is text as in a URL; NULL, "" and "default" take what is stored away.  `why` gets a sentence on what is
 *             wrong, or "", always ended by a NUL if `cap` > 0; it may be NULL if `cap` is 0.
 * Threads     any.
 * Blocking    a few steps of the store, ten seconds at most.
 * Ordering    who opens the store later sees it.
 * Returns     0; LK_E_NOENT: there is no such setting; LK_E_INVAL: a value that lk_open() would not take; LK_E_UNSUPPORTED:
 *             it cannot be stored; LK_E_BUSY: all must agree in it, and others have the store open, or the locks are being moved
 *             (lk_migrate()); LK_E_MOVED: they are in another store now; what the store says.
 */
LK_API LK_NODISCARD int lk_stored_set(struct lk_store *s, const char *name, const char *value,
				      char *why, size_t cap);

/*
 * lk_stored_each - call `fn` for each setting that is stored, until it returns non-zero.
 *
 * Ownership   the setting is the library's, and ends with the call of `fn`; its name is a constant.
 * Threads     any.  `fn` may call anything, this and lk_stored_set() included.
 * Blocking    one step of the store, ten seconds at most.
 * Returns     0, or what `fn` returned; LK_E_CORRUPT: what is stored is damaged; what the store says.
 */
LK_API LK_NODISCARD int lk_stored_each(struct lk_store *s,
				       int (*fn)(void *arg, const struct lk_setting *setting),
				       void *arg);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_STORED_H */
