/* SPDX-License-Identifier: MIT */
/*
 * Settings from outside the program, settings read back, and settings changed while others lock.
 *
 * A setting is a number-valued member of struct lk_config (LK_SETTING_LIST), or `strict`, `timed`, `debug_order`,
 * `label`, `preset`.  lk_open() takes each from the last of these that says something of it:
 *
 *   default      LK_SETTING_LIST
 *   store        what is stored with the locks, if the URL has a store: see stored.h
 *   file         lk_config.file, or what the variable LATCHKEY_CONFIG names: lines `name = value`, blank ones, and
 *                comments, which begin with `#` at the beginning of a line or after a blank
 *   environment  the variables LATCHKEY_<NAME>: LATCHKEY_MAX_IDLE=64, LATCHKEY_STRICT=1.  An empty one says nothing;
 *                others that begin with LATCHKEY_ are not looked at
 *   call         struct lk_config and the URL, which must agree
 *
 * In a file or a variable a value is written as in the URL:
 *
 *   off          LK_OFF
 *   default, 0   default: the default, whatever the sources before say.  0: nothing is said
 *   5s           a time, with ns, us, ms or s; without a unit nanoseconds
 *   64k          other numbers, with k, M or G: 1024, 1024^2, 1024^3
 *   slow+busy    and the other words of LK_SETTING_LIST
 *
 * What one source says twice must be the same.  In a strict manager fair_after_ns has no effect; one source that
 * says both is refused.  A wrong line or variable is refused as a wrong parameter is, so that no typing error goes
 * unseen: lk_config.report names the file and the line, or the variable.
 *
 * Not looked at are all variables if the program runs with more rights than who started it has (set-user-ID;
 * secure_getenv(3)), and if it says LK_NO_ENVIRONMENT; then lk_config.file alone is read.  Only a regular file is.
 * setenv(3) must not run in another thread meanwhile.
 */
#include <latchkey.h> /* above the guard: it includes this file, for others that need it */

#ifndef LATCHKEY_SETTINGS_H
#define LATCHKEY_SETTINGS_H

#ifdef __cplusplus
extern "C" {
#endif

#define LK_CONFIG_TEXT_MAX 192 /* bytes that are enough for the text of every value, with its NUL */

/* Who said it. */
enum lk_setting_from {
	LK_FROM_DEFAULT = 1,
	LK_FROM_FILE,
	LK_FROM_ENVIRONMENT,
	LK_FROM_CALL, /* of lk_open(): the structure or the URL */
	LK_FROM_SET,  /* lk_config_set() */
	LK_FROM_STORE /* stored with the locks: lk_stored_set() */
};

struct lk_setting {
	uint32_t size;
	enum lk_setting_from from; /* what a preset says is from whoever named the preset */
	const char *name;
	const char *value;   /* as lk_config_get() has it */
	uint32_t may_change; /* 1: lk_config_set() may change it in this manager */
	uint32_t reserved;
};

/*
 * lk_config_get - the value of a setting that is in force, as text that a URL would take.
 *
 * Times are in nanoseconds without a unit.  "0" for spin_ns: adaptive.  A label is told as it is, whatever its bytes.
 *
 * Ownership   `buf` is the caller's; LK_CONFIG_TEXT_MAX bytes are always enough.
 * Threads     any.
 * Returns     0; LK_E_NOENT: there is no such setting; LK_E_INVAL: it needs more than `cap` bytes, and `buf` is
 *             "", if there is room for that.
 */
LK_API LK_NODISCARD int lk_config_get(struct lk_manager *m, const char *name, char *buf,
				      size_t cap);

/*
 * lk_config_each - call `fn` for each setting, until it returns non-zero.
 *
 * Ownership   the setting is the library's, and ends with the call of `fn`; its name is a constant.
 * Threads     any.  `fn` may call anything but lk_close(), lk_config_set() included: all that it is told was so at
 *             one moment, before its first call.
 * Returns     0, or what `fn` returned.
 */
LK_API LK_NODISCARD int lk_config_each(struct lk_manager *m,
				       int (*fn)(void *arg, const struct lk_setting *setting),
				       void *arg);

/*
 * lk_config_set - change a setting while others lock.
 *
 * These can be changed; requests that wait already go on with what was said when they began to wait:
 *
 *   max_idle           names beyond it go as others come in, as ever
 *   max_reentry        grants that there are stay
 *   timeout_ns, spin_ns, escalate_after, max_local_passes, max_cover_ns
 *   linger_ns          all names that are kept are looked at anew
 *   breaker_threshold, breaker_reset_ns, max_failure_entries  unless the breaker was off when the manager was opened
 *   spread_after       but with a store, where names are never spread
 *   fair_after_ns      but in a strict manager
 *   deadlock_delay_ns  unless it was off when the manager was opened: then there is no memory for what is found
 *   victim             youngest and oldest only if the manager was opened with one of them: else nobody noted when
 *                      owners were opened
 *   events             but for kinds that make every lock slower: those that are not in LK_EVENTS_SLOW and not busy or
 *                      order are there, or not, as when the manager was opened
 *   log_level
 *
 * All others are what the manager was built with.
 *
 * Ownership   `value` is text as in a URL; "0" and "default" are the default.  `why` gets a sentence on what is
 *             wrong, or "", always ended by a NUL if `cap` > 0; it may be NULL if `cap` is 0.
 * Threads     any; the last one counts.
 * Blocking    no; `victim` for a search for a ring that is under way.
 * Ordering    none.  A request that begins later than the call, as far as other locks order them, sees it.
 * Returns     0; LK_E_NOENT: there is no such setting; LK_E_INVAL: a value that lk_open() would not take;
 *             LK_E_UNSUPPORTED: it cannot be changed.  Then nothing has changed.
 */
LK_API LK_NODISCARD int lk_config_set(struct lk_manager *m, const char *name, const char *value,
				      char *why, size_t cap);

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_SETTINGS_H */
